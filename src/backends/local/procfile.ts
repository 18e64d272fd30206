/** Lines `type: command`, as Heroku and Dokku read them. The first of a type counts. */
export function parseProcfile(text: string): Map<string, string> {
  const commands = new Map<string, string>();
  for (const raw of text.split(/\r?\n/)) {
    const line = /^\s*([A-Za-z0-9_-]{1,63}):\s*(\S.*?)\s*$/.exec(raw);
    if (line?.[1] === undefined || line[2] === undefined || raw.trim().startsWith('#')) continue;
    if (!commands.has(line[1])) commands.set(line[1], line[2]);
  }
  return commands;
}

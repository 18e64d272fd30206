const colours = ['#0c66e4', '#216e4e', '#5e4db2', '#a54800', '#943d73', '#206a83', '#ae2e24'];

/** Initials on a colour that follows from the name. */
export function avatar(name: string): string {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  const initials = letters.map((word) => [...(word ?? '')][0]?.toUpperCase() ?? '').join('');
  const sum = [...name].reduce((total, letter) => total + (letter.codePointAt(0) ?? 0), 0);
  const colour = colours[sum % colours.length] ?? '#0c66e4';
  const text = initials.replace(/[&<>]/g, '?');
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" width="48" height="48">` +
    `<rect width="48" height="48" fill="${colour}"/>` +
    `<text x="24" y="31" font-family="sans-serif" font-size="19" font-weight="600" ` +
    `fill="#fff" text-anchor="middle">${text}</text></svg>`
  );
}

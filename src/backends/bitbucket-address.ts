/** `workspace/repository` of an address at Bitbucket, or of that alone; null for anything else. */
export function bitbucketRepository(text: string | undefined): string | null {
  const found =
    /^(?:(?:https?:\/\/|git@|ssh:\/\/git@)(?:[^@/]+@)?bitbucket\.org[/:])?([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/i;
  return found.exec(text ?? '')?.[1] ?? null;
}

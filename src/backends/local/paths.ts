import path from 'node:path';

/** Ids become folder names, so nothing else may pass. */
export function isPlainId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(id);
}

export class TargetPaths {
  readonly folder: string;
  readonly stateFile: string;
  readonly work: string;
  readonly releases: string;
  readonly current: string;
  readonly logs: string;
  readonly deployments: string;
  readonly homes: string;

  constructor(filesRoot: string, targetId: string) {
    if (!isPlainId(targetId)) throw new Error('A target id cannot be used as a folder name');
    this.folder = path.join(filesRoot, targetId);
    this.stateFile = path.join(this.folder, 'target.json');
    this.work = path.join(this.folder, 'work');
    this.releases = path.join(this.folder, 'releases');
    this.current = path.join(this.folder, 'current');
    this.logs = path.join(this.folder, 'logs');
    this.deployments = path.join(this.folder, 'deployments');
    this.homes = path.join(this.folder, 'homes');
  }

  record(deploymentId: string): string {
    return path.join(this.deployments, `${deploymentId}.json`);
  }

  log(deploymentId: string): string {
    return path.join(this.logs, `${deploymentId}.log`);
  }

  /** What the running app prints; `.1` is the part before. */
  appLog(deploymentId: string): string {
    return path.join(this.logs, `${deploymentId}.app.log`);
  }

  workOf(deploymentId: string): string {
    return path.join(this.work, deploymentId);
  }

  release(name: string): string {
    return path.join(this.releases, name);
  }
}

/** Inside a release folder: what is served or started. `release.json` lies beside it, so it is never served. */
export const releaseFilesFolder = 'files';
export const releaseFactsFile = 'release.json';

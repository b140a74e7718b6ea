import type { Disk, DiskFile } from '../../env/index.js';

/** A small file beside a segment's `.log`: open only while it is used, and absent as long as there is nothing to say. */
export abstract class SideFile {
  protected constructor(
    private readonly disk: Disk,
    private currentPath: string,
  ) {}

  get path(): string {
    return this.currentPath;
  }

  private get exists(): boolean {
    return this.disk.stat(this.currentPath) !== undefined;
  }

  /** undefined: there is no file. */
  protected readFile(): Buffer | undefined {
    return this.exists ? this.disk.readFile(this.currentPath) : undefined;
  }

  /** Makes the file where it is absent. */
  protected withFile(use: (file: DiskFile) => void): void {
    const file = this.disk.open(this.currentPath, { create: true });
    try {
      use(file);
    } finally {
      file.close();
    }
  }

  protected removeFile(): void {
    this.disk.removeNow(this.currentPath);
  }

  /** A file that is gone was removed with its segment while a flush was under way: it must not come back. */
  async sync(): Promise<void> {
    if (!this.exists) return;
    const file = this.disk.open(this.currentPath);
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }

  rename(path: string): void {
    if (this.exists) this.disk.rename(this.currentPath, path);
    this.currentPath = path;
  }

  /** The directory above was renamed. */
  movedTo(path: string): void {
    this.currentPath = path;
  }
}

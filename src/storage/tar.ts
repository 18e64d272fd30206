import { createReadStream } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { createHash, type Hash } from 'node:crypto';

/**
 * As much of the tar format as a backup needs: plain files with short names, which `tar tf` and `tar xf` understand. Read and
 * written in pieces, because a database does not fit into memory.
 */

const blockSize = 512;
const pieceSize = 1024 * 1024;

export interface TarEntry {
  name: string;
  /** The file its content comes from, or the content. */
  content: string | { file: string };
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file, { highWaterMark: pieceSize })) {
    hash.update(piece as Buffer);
  }
  return hash.digest('hex');
}

/** Writes a new file that only its owner may read, down to the disk. */
export async function writeTar(
  file: string,
  entries: readonly TarEntry[],
  at: number,
): Promise<void> {
  const out = await open(file, 'wx', 0o600);
  try {
    for (const { name, content } of entries) {
      const size =
        typeof content === 'string' ? Buffer.byteLength(content) : (await stat(content.file)).size;
      await out.write(header(name, size, at));
      if (typeof content === 'string') await out.write(content);
      else await copyInto(out, content.file);
      await out.write(Buffer.alloc(padding(size)));
    }
    await out.write(Buffer.alloc(2 * blockSize));
    await out.sync();
  } finally {
    await out.close();
  }
}

async function copyInto(out: FileHandle, file: string): Promise<void> {
  for await (const piece of createReadStream(file, { highWaterMark: pieceSize })) {
    await out.write(piece as Buffer);
  }
}

export interface TarMember {
  name: string;
  size: number;
  /** Where its content begins in the file. */
  offset: number;
}

/** Throws `Error` with a sentence when the file is no tar of ours or ends too early. */
export async function listTar(archive: FileHandle): Promise<TarMember[]> {
  const { size: whole } = await archive.stat();
  const members: TarMember[] = [];
  let offset = 0;
  for (;;) {
    const block = await readExactly(archive, offset, blockSize);
    if (block.every((byte) => byte === 0)) return members;
    const { name, size } = parseHeader(block);
    offset += blockSize;
    if (offset + size > whole) throw new Error(`it ends in the middle of ${name}`);
    members.push({ name, size, offset });
    offset += size + padding(size);
  }
}

/** Copies one member to a new file, or only reads it; returns the SHA-256 of what was read. */
export async function extract(
  archive: FileHandle,
  member: TarMember,
  to: string | null,
): Promise<string> {
  const hash: Hash = createHash('sha256');
  const out = to === null ? null : await open(to, 'wx', 0o600);
  try {
    for (let done = 0; done < member.size;) {
      const length = Math.min(pieceSize, member.size - done);
      const piece = await readExactly(archive, member.offset + done, length);
      hash.update(piece);
      await out?.write(piece);
      done += length;
    }
    await out?.sync();
  } finally {
    await out?.close();
  }
  return hash.digest('hex');
}

export function readMember(archive: FileHandle, { offset, size }: TarMember): Promise<Buffer> {
  return readExactly(archive, offset, size);
}

async function readExactly(archive: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await archive.read(buffer, done, length - done, at + done);
    if (bytesRead === 0) throw new Error('it ends too early');
    done += bytesRead;
  }
  return buffer;
}

function padding(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/** https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06 */
function header(name: string, size: number, at: number): Buffer {
  const block = Buffer.alloc(blockSize);
  block.write(name, 0, 100, 'utf8');
  block.write('0000600\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  writeSize(block, size);
  block.write(
    `${Math.floor(at / 1000)
      .toString(8)
      .padStart(11, '0')}\0`,
    136,
  );
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\0', 257);
  block.write('00', 263);
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const largestOctal = 0o77777777777;

/** Eleven octal digits hold 8 GiB; above that GNU and BSD tar write the number in binary, marked by its first bit. */
function writeSize(block: Buffer, size: number): void {
  if (size <= largestOctal) {
    block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
    return;
  }
  block.writeUInt8(0x80, 124);
  block.writeBigUInt64BE(BigInt(size), 128);
}

function parseHeader(block: Buffer): { name: string; size: number } {
  const stored = Number.parseInt(block.toString('latin1', 148, 156), 8);
  const copy = Buffer.from(block);
  copy.write('        ', 148);
  if (stored !== checksum(copy)) throw new Error('it is no backup of Slipway, or it is damaged');
  const end = block.indexOf(0);
  const name = block.toString('utf8', 0, Math.min(end, 100));
  const isBinary = ((block[124] ?? 0) & 0x80) !== 0;
  const size = isBinary
    ? Number(block.readBigUInt64BE(128))
    : Number.parseInt(block.toString('latin1', 124, 136), 8);
  return { name, size };
}

function checksum(block: Buffer): number {
  return block.reduce((sum, byte) => sum + byte, 0);
}

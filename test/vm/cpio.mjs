// Writes the archive that Linux unpacks as its first root file system (Documentation/driver-api/early-userspace/buffer-format.rst).

const FILE = 0o100000;
const FOLDER = 0o040000;
const LINK = 0o120000;

const padding = (bytes) => Buffer.alloc((4 - (bytes % 4)) % 4);

function entry(inode, name, mode, data) {
  const nameBytes = Buffer.from(`${name}\0`);
  const links = 1;
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, 0, 0, nameBytes.length, 0];
  const head = Buffer.from(`070701${fields.map((value) => value.toString(16).padStart(8, '0')).join('')}`);
  return [head, nameBytes, padding(head.length + nameBytes.length), data, padding(data.length)];
}

/**
 * An archive of folders, executable files and links, in this order.
 *
 * @param {{ folders: string[], files: Record<string, Buffer>, links: Record<string, string> }} content paths without a
 *   leading `/`; folders before what lies in them; a link's path to what it points at
 * @returns {Buffer}
 */
export function makeArchive({ folders, files, links }) {
  let inode = 1;
  const parts = [
    ...folders.map((name) => entry(inode++, name, FOLDER | 0o755, Buffer.alloc(0))),
    ...Object.entries(files).map(([name, data]) => entry(inode++, name, FILE | 0o755, data)),
    ...Object.entries(links).map(([name, target]) => entry(inode++, name, LINK | 0o777, Buffer.from(target))),
    entry(0, 'TRAILER!!!', 0, Buffer.alloc(0)),
  ];
  return Buffer.concat(parts.flat());
}

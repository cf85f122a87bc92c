/**
 * Kinds of values in an RDB, by the byte in front of them. Facts:
 * https://rdb.fnordig.de/file_format.html and https://github.com/redis/redis/blob/7.0/src/rdb.h
 */
export const RdbKind = {
  string: 0,
  list: 1,
  set: 2,
  /** Scores as digits. */
  zset: 3,
  hash: 4,
  /** Scores as doubles. */
  zset2: 5,
  hashZipmap: 9,
  listZiplist: 10,
  setIntset: 11,
  zsetZiplist: 12,
  hashZiplist: 13,
  /** Nodes are ziplists. */
  listNodes: 14,
  stream: 15,
  hashListpack: 16,
  zsetListpack: 17,
  /** Nodes are listpacks or single elements. */
  listNodes2: 18,
  /** With what was ever added and deleted. */
  stream2: 19,
  setListpack: 20,
  /** With when a consumer last got something. */
  stream3: 21,
  /** With when each field expires. */
  hashExpiring: 24,
  hashListpackExpiring: 25,
} as const;

/** Of a node of a list. */
export const Container = { plain: 1, packed: 2 } as const;

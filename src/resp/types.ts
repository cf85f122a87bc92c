/** Byte constants of RESP2 and RESP3, named as the specification names them. */

/** Version of RESP spoken on a connection. */
export type Protocol = 2 | 3;

export const CR = 0x0d;
export const LF = 0x0a;
export const SPACE = 0x20;
export const ZERO = 0x30;
export const NINE = 0x39;
export const MINUS = 0x2d;

export const SIMPLE_STRING = 0x2b; // +
export const SIMPLE_ERROR = 0x2d; // -
export const INTEGER = 0x3a; // :
export const BULK_STRING = 0x24; // $
export const ARRAY = 0x2a; // *
export const NULL = 0x5f; // _
export const BOOLEAN = 0x23; // #
export const DOUBLE = 0x2c; // ,
export const BIG_NUMBER = 0x28; // (
export const BULK_ERROR = 0x21; // !
export const VERBATIM_STRING = 0x3d; // =
export const MAP = 0x25; // %
export const ATTRIBUTE = 0x7c; // |
export const SET = 0x7e; // ~
export const PUSH = 0x3e; // >

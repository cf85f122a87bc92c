/** When keys expire (https://redis.io/docs/latest/commands/expire/). */
import { type Call, type Handler, Notify } from '../call.ts';
import { invalidExpire, NOT_INTEGER } from '../errors.ts';
import { INT64_MAX, INT64_MIN } from '../numbers.ts';

/** In which unit times are given, and from when on they count. */
interface Unit {
  readonly ms: number;
  readonly isAbsolute: boolean;
}

interface Condition {
  onlyWithout: boolean;
  onlyWith: boolean;
  onlyLater: boolean;
  onlySooner: boolean;
}

const ALWAYS: Condition = {
  onlyWithout: false,
  onlyWith: false,
  onlyLater: false,
  onlySooner: false,
};

function expireWith({ ms, isAbsolute }: Unit): Handler {
  return (call) => {
    const condition = call.argc === 3 ? ALWAYS : readCondition(call);
    if (condition === null) return;
    const given = call.integer(2);
    if (given === null) {
      call.reply.error(NOT_INTEGER);
      return;
    }
    const at = BigInt(given) * BigInt(ms) + (isAbsolute ? 0n : BigInt(call.now));
    const whole = BigInt(given) * BigInt(ms);
    if (whole > INT64_MAX || whole < INT64_MIN || at > INT64_MAX) {
      call.reply.error(invalidExpire(call.command.spec.name));
      return;
    }
    call.reply.integer(expire(call, Number(at), condition) ? 1 : 0);
  };
}

/** Null: wrong, and the client has been told. */
function readCondition(call: Call): Condition | null {
  const condition = { ...ALWAYS };
  for (let i = 3; i < call.argc; i++) {
    if (call.is(i, 'nx')) condition.onlyWithout = true;
    else if (call.is(i, 'xx')) condition.onlyWith = true;
    else if (call.is(i, 'gt')) condition.onlyLater = true;
    else if (call.is(i, 'lt')) condition.onlySooner = true;
    else {
      call.reply.error(`ERR Unsupported option ${call.text(i)}`);
      return null;
    }
  }
  const { onlyWithout, onlyWith, onlyLater, onlySooner } = condition;
  if (onlyWithout && (onlyWith || onlyLater || onlySooner)) {
    call.reply.error('ERR NX and XX, GT or LT options at the same time are not compatible');
    return null;
  }
  if (onlyLater && onlySooner) {
    call.reply.error('ERR GT and LT options at the same time are not compatible');
    return null;
  }
  return condition;
}

function expire(call: Call, at: number, condition: Condition): boolean {
  const { db } = call;
  const entry = call.write(1);
  if (entry < 0 || !mayExpire(call, entry, at, condition)) return false;
  if (at <= call.now) {
    db.remove(entry);
    call.changed(1, Notify.generic, 'del');
    call.rewrite('DEL', call.copyOf(1));
    return true;
  }
  db.setExpiry(entry, at);
  call.changed(1, Notify.generic, 'expire');
  call.rewrite('PEXPIREAT', call.copyOf(1), String(at));
  return true;
}

function mayExpire({ db }: Call, entry: number, at: number, condition: Condition): boolean {
  const expires = db.expires(entry);
  if (condition.onlyWithout) return !expires;
  if (condition.onlyWith && !expires) return false;
  // Without an expiry a key lives for ever: nothing is later.
  if (condition.onlyLater) return expires && at > db.expiresAt(entry);
  if (condition.onlySooner) return !expires || at < db.expiresAt(entry);
  return true;
}

/** `absolute`: the time itself; else what is left. */
function remainingIn(ms: number, isAbsolute: boolean): Handler {
  return (call) => {
    const { db, reply, now } = call;
    const entry = db.look(call.bytes, call.start(1), call.end(1));
    if (entry < 0) {
      reply.integer(-2);
      return;
    }
    if (!db.expires(entry)) {
      reply.integer(-1);
      return;
    }
    const at = isAbsolute ? db.expiresAt(entry) : Math.max(0, db.expiresAt(entry) - now);
    reply.integer(Math.floor((at + (ms === 1 ? 0 : ms / 2)) / ms));
  };
}

function persist(call: Call): void {
  const { db, reply } = call;
  const entry = call.write(1);
  if (entry < 0 || !db.expires(entry)) {
    reply.integer(0);
    return;
  }
  db.clearExpiry(entry);
  call.changed(1, Notify.generic, 'persist');
  reply.integer(1);
}

export const EXPIRY_COMMANDS: Readonly<Record<string, Handler>> = {
  expire: expireWith({ ms: 1000, isAbsolute: false }),
  pexpire: expireWith({ ms: 1, isAbsolute: false }),
  expireat: expireWith({ ms: 1000, isAbsolute: true }),
  pexpireat: expireWith({ ms: 1, isAbsolute: true }),
  ttl: remainingIn(1000, false),
  pttl: remainingIn(1, false),
  expiretime: remainingIn(1000, true),
  pexpiretime: remainingIn(1, true),
  persist,
};

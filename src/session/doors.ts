/** Commands that the backend does not answer alone: by the door that the command table names. */
import type { Command } from '../commands/command.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { error } from '../resp/value.ts';
import { block } from './blocking.ts';
import { answer } from './local.ts';
import type { Session } from './session.ts';
import { publish, subscribe } from './subscriber.ts';
import { Transaction } from './transaction.ts';
import { refusalOf } from './unknown.ts';

/** False: refused for good. */
export function pass(session: Session, command: Command, spec: CommandSpec): boolean {
  switch (spec.door) {
    case 'block':
      block(session, command);
      return true;
    case 'transaction':
      session.transaction ??= new Transaction(session);
      session.transaction.handle(command, spec);
      return true;
    case 'refuse':
      session.answer(error(refusalOf(spec)));
      return false;
    default:
      if (session.tracking === null) passBeside(session, command, spec);
      else passInTurn(session, command, spec);
      return true;
  }
}

/** Answered by the session, or over connections that all clients share. */
function passBeside(session: Session, command: Command, spec: CommandSpec): void {
  if (spec.door === 'channel') publish(session, command);
  else if (spec.door === 'subscribe') subscribe(session, command, spec);
  else answer(session, command, spec);
}

/**
 * For a client that is tracked what goes another way than its own connection waits for what went there, and the
 * other way round: no reply may be held back until after its invalidation.
 */
function passInTurn(session: Session, command: Command, spec: CommandSpec): void {
  if (spec.door !== 'local' && session.postpone()) return;
  passBeside(session, command, spec);
  session.awaitTurns();
}

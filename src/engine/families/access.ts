/**
 * ACL as a server says it that has never been told of users: there is one, who may do everything. Who may do what is the door's
 * business, and none of it comes this far. (https://redis.io/docs/latest/commands/acl-list/ and its like.)
 */
import { randomBytes } from 'node:crypto';
import { Command } from '../../commands/command.ts';
import { allCommands, CommandTable, checkArity, UNKNOWN } from '../../commands/lookup.ts';
import { Category, Flag } from '../../commands/spec.ts';
import { wrongNumberOfArguments } from '../../resp/errors.ts';
import type { Call, Handler } from '../call.ts';
import { NOT_INTEGER } from '../errors.ts';
import { replyHelp, wrongSubcommand } from './help.ts';

const USER = 'default';
const GENPASS_BITS = 256;
const GENPASS_BITS_MAX = 4096;
const BAD_BITS = `ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to ${GENPASS_BITS_MAX}`;
/** The categories after this one are of Redis 8. */
const LAST_CATEGORY = 'scripting';
const table: CommandTable = new CommandTable([]);

const NAMES = Object.keys(Category) as (keyof typeof Category)[];
const CATEGORIES = NAMES.slice(0, NAMES.indexOf(LAST_CATEGORY) + 1);

function cat(call: Call): void {
  const { reply } = call;
  if (call.argc > 3) {
    wrongSubcommand(call);
    return;
  }
  if (call.argc === 2) {
    replyTexts(call, CATEGORIES);
    return;
  }
  const given = call.text(2);
  const category = CATEGORIES.find((each) => each === given.toLowerCase());
  if (category === undefined) {
    reply.error(`ERR Unknown category '${given}'`);
    return;
  }
  const of = allCommands().filter(({ categories, since, flags }) => {
    if ((categories & Category[category]) === 0 || (flags & Flag.module) !== 0) return false;
    return /^redis [1-7]\./.test(since);
  });
  replyTexts(
    call,
    of.map(({ name }) => name),
  );
}

function replyTexts({ reply }: Call, texts: readonly string[]): void {
  reply.array(texts.length);
  for (const text of texts) reply.bulkText(text);
}

function genpass(call: Call): void {
  const { reply } = call;
  if (call.argc > 3) {
    wrongSubcommand(call);
    return;
  }
  const bits = call.argc === 3 ? call.count(2) : GENPASS_BITS;
  if (bits === null) reply.error(NOT_INTEGER);
  else if (bits <= 0 || bits > GENPASS_BITS_MAX) reply.error(BAD_BITS);
  else {
    const digits = Math.ceil(bits / 4);
    reply.bulkText(
      randomBytes(Math.ceil(digits / 2))
        .toString('hex')
        .slice(0, digits),
    );
  }
}

function whoami({ reply }: Call): void {
  reply.bulkText(USER);
}

function users(call: Call): void {
  replyTexts(call, [USER]);
}

function list(call: Call): void {
  replyTexts(call, [`user ${USER} on nopass ~* &* +@all`]);
}

function getuser(call: Call): void {
  const { reply } = call;
  if (call.text(2) !== USER) {
    reply.null();
    return;
  }
  reply.map(6);
  reply.bulkText('flags');
  reply.set(2);
  reply.bulkText('on');
  reply.bulkText('nopass');
  reply.bulkText('passwords');
  reply.array(0);
  reply.bulkText('commands');
  reply.bulkText('+@all');
  reply.bulkText('keys');
  reply.bulkText('~*');
  reply.bulkText('channels');
  reply.bulkText('&*');
  reply.bulkText('selectors');
  reply.array(0);
}

/** Nobody was ever refused anything. */
function log(call: Call): void {
  const { reply } = call;
  if (call.argc > 3) wrongSubcommand(call);
  else if (call.argc === 3 && call.is(2, 'reset')) reply.ok();
  else if (call.argc === 3 && call.integer(2) === null) reply.error(NOT_INTEGER);
  else reply.array(0);
}

function dryrun(call: Call): void {
  const { reply } = call;
  const words = Array.from({ length: call.argc - 3 }, (_none, i) => call.copyOf(i + 3));
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  command.fill(words);
  const spec = table.resolve(command);
  const user = call.text(2);
  if (user !== USER) reply.error(`ERR User '${user}' not found`);
  else if (spec === undefined) reply.error(`ERR Command '${call.text(3)}' not found`);
  else if (!checkArity(spec, command.argc)) reply.error(wrongNumberOfArguments(spec.name));
  else reply.ok();
}

function help({ reply }: Call): void {
  replyHelp(reply, 'ACL', [
    'CAT [<category>]',
    '    List all commands that belong to <category>, or all command categories',
    '    when no category is specified.',
    'DELUSER <username> [<username> ...]',
    '    Delete a list of users.',
    'DRYRUN <username> <command> [<arg> ...]',
    '    Returns whether the user can execute the given command without executing the command.',
    'GETUSER <username>',
    "    Get the user's details.",
    'GENPASS [<bits>]',
    '    Generate a secure 256-bit user password. The optional `bits` argument can',
    '    be used to specify a different size.',
    'LIST',
    '    Show users details in config file format.',
    'LOAD',
    '    Reload users from the ACL file.',
    'LOG [<count> | RESET]',
    '    Show the ACL log entries.',
    'SAVE',
    '    Save the current config to the ACL file.',
    'SETUSER <username> <attribute> [<attribute> ...]',
    '    Create or modify a user with the specified attributes.',
    'USERS',
    '    List all the registered usernames.',
    'WHOAMI',
    '    Return the current connection username.',
  ]);
}

function noModules({ reply }: Call): void {
  reply.array(0);
}

function moduleHelp({ reply }: Call): void {
  replyHelp(reply, 'MODULE', [
    'LIST',
    '    Return a list of loaded modules.',
    'LOAD <path> [<arg> ...]',
    '    Load a module library from <path>, passing to it any optional arguments.',
    'LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]',
    '    Load a module library from <path>, while passing it module configurations and optional arguments.',
    'UNLOAD <name>',
    '    Unload a module.',
  ]);
}

export const ACCESS_COMMANDS: Readonly<Record<string, Handler>> = {
  'acl|cat': cat,
  'acl|genpass': genpass,
  'acl|whoami': whoami,
  'acl|users': users,
  'acl|list': list,
  'acl|getuser': getuser,
  'acl|log': log,
  'acl|dryrun': dryrun,
  'acl|help': help,
  'module|list': noModules,
  'module|help': moduleHelp,
};

/**
 * The commands of test/conformance, sent to a real server and to the door in front of the engine: the same bytes must come
 * back. What the engine does not have yet is sent to neither; each of it is asked once, so that the list stays true.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { caseFiles, readCases } from '../conformance/cases.ts';
import { masked, show, talk } from '../conformance/play.ts';
import { startRedises } from '../support/redis.ts';
import { embedded, startTidegate } from '../support/tidegate.ts';

/** A form of each command that a server would not call unknown. */
const NOT_YET: Readonly<Record<string, readonly string[]>> = {
  eval: ['return 1', '0'],
};
/** Scripts, all of it. */
const FILES_NOT_YET = ['scripts.txt'];
/** Other than those of 7.0 on purpose, or in a release after it. */
const OTHERWISE = ['lolwut', 'acl', 'hexpire'];
/** Ranges by name over members of several scores: Redis documents them as unspecified. */
const UNSPECIFIED = /^zsets\.txt:\d+ (ZRANGE z \[a \(c BYLEX|ZRANGEBYLEX z \[a \[c)$/;
const SHOWN_MAX = 40;

for (const protocol of [2, 3] as const) {
  test(`every reply of the engine is a server's own in RESP${protocol}`, async () => {
    await using servers = await startRedises(1);
    await using gate = await startTidegate(embedded());
    const differences: string[] = [];
    for (const file of caseFiles().filter((each) => !FILES_NOT_YET.includes(each))) {
      await servers.flush();
      await gate.ask('FLUSHALL');
      const cases = readCases(file).filter(
        ({ command }) => NOT_YET[command] === undefined && !OTHERWISE.includes(command),
      );
      const [wanted, found] = await Promise.all([
        talk(cases, { port: servers[0]!.port }, protocol, 1),
        talk(cases, gate.target(), protocol, 1),
      ]);
      for (const [index, { name, mask, here }] of cases.entries()) {
        const [left, right] = [masked(wanted[index]!, mask), masked(found[index]!, mask)];
        if (here !== null || left === right || UNSPECIFIED.test(name)) continue;
        differences.push(`${name}\n    server: ${show(left)}\n    engine: ${show(right)}`);
      }
    }
    const count = differences.length;
    assert.equal(count, 0, `${count} differences\n${differences.slice(0, SHOWN_MAX).join('\n')}`);
  });
}

test('what is left out of the comparison is what the engine has not got', async () => {
  await using gate = await startTidegate(embedded());
  for (const [name, rest] of Object.entries(NOT_YET)) {
    assert.match(await gate.ask(name, ...rest), /^-ERR unknown command/, `${name} can be compared`);
  }
});

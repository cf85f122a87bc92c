import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notifyFlagsOf, notifyText } from './notifications.ts';

/** What redis-server 7.0 shows of what was set. */
const FORMS: Readonly<Record<string, string>> = {
  '': '',
  A: 'A',
  AK: 'AK',
  Kg: 'gK',
  gK: 'gK',
  KE: 'KE',
  Ex: 'xE',
  AKEmn: 'AKEm',
  KEg$lshzxetdm: 'AKEm',
  nKE: 'nKE',
  E$: '$E',
  mA: 'Am',
};

test('letters are shown in the order of a server', () => {
  for (const [given, shown] of Object.entries(FORMS)) {
    assert.equal(notifyText(notifyFlagsOf(given)!), shown, given);
  }
});

test('a letter that stands for nothing is no set of classes', () => {
  for (const text of ['q', 'Kq', 'K E', 'a']) assert.equal(notifyFlagsOf(text), null, text);
});

// node --test: the rules of the page "Try it" that need no browser: how XML is written, and what becomes of messages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Talk } from '../../services/console/assets/try/talk.mjs';
import { escaped, tag, words } from '../../services/console/assets/try/xml.mjs';

const said = (id, sender, state) => ({ id, sender, body: id, at: '2026-01-31T10:00:00Z', state });
const states = (talk) => talk.messages.map(({ id, state }) => `${id} ${state}`).join(', ');

test('text is text, and what no XML may have is left out', () => {
  for (const [given, expected] of [
    [`<b>"&'</b>`, '&lt;b&gt;&quot;&amp;&apos;&lt;/b&gt;'],
    ['a\r\n\tb', 'a&#13;\n\tb'],
    ['\u0000a\u0008b\u001f\ufffe\ud800c', 'abc'],
    ['🎉 ä', '🎉 ä'],
  ]) assert.equal(escaped(given), expected);
});

test('an element has its attributes and children, and none that are not given', () => {
  assert.equal(tag('a', { x: '<', y: undefined }), '<a x="&lt;"/>');
  assert.equal(tag('a', {}, words('b', '1 < 2'), tag('c')), '<a><b>1 &lt; 2</b><c/></a>');
});

test('a message waits until the server has it, and never goes back', () => {
  const talk = new Talk(34);
  talk.write('a', 'hi');
  assert.equal(states(talk), 'a waiting');
  talk.ask('a');
  talk.confirm(1);
  assert.equal(states(talk), 'a sent');
  talk.move('a', 'read');
  talk.move('a', 'delivered');
  talk.confirm(1);
  assert.equal(states(talk), 'a read');
});

test('the server confirms what was asked on this stream, in its order', () => {
  const talk = new Talk(34);
  for (const id of ['a', 'b', 'c']) talk.write(id, id);
  talk.ask('a');
  talk.ask('b');
  talk.confirm(1);
  assert.equal(states(talk), 'a sent, b waiting, c waiting');
  // A count beyond what was asked says nothing of what is asked later.
  talk.confirm(9);
  talk.ask('c');
  assert.equal(states(talk), 'a sent, b sent, c waiting');
  talk.confirm(3);
  assert.equal(states(talk), 'a sent, b sent, c sent');
});

test('what a cut stream did not confirm waits for the next one', () => {
  const talk = new Talk(34);
  for (const id of ['a', 'b']) {
    talk.write(id, id);
    talk.ask(id);
  }
  talk.confirm(1);
  talk.begin();
  assert.deepEqual(talk.waiting().map(({ id }) => id), ['b']);
  talk.ask('b');
  talk.confirm(1);
  assert.equal(states(talk), 'a sent, b sent');
});

test('a refused message stays refused', () => {
  const talk = new Talk(34);
  talk.write('a', 'hi');
  talk.ask('a');
  talk.refuse('a', 'forbidden');
  talk.confirm(1);
  talk.move('a', 'read');
  assert.deepEqual([states(talk), talk.find('a').trouble, talk.waiting().length], ['a refused', 'forbidden', 0]);
});

test('what came is unread until it is seen, and comes once', () => {
  const talk = new Talk(34, [said('a', 78, 'read'), said('b', 78, 'sent'), said('c', 34, 'delivered')]);
  assert.deepEqual(talk.unread().map(({ id }) => id), ['b']);
  talk.take('d', 78, 'hi');
  assert.equal(talk.take('d', 78, 'hi'), undefined);
  assert.equal(talk.take('b', 78, 'hi'), undefined);
  assert.deepEqual(talk.see().map(({ id }) => id), ['b', 'd']);
  assert.deepEqual(talk.unread(), []);
  assert.equal(states(talk), 'a read, b read, c delivered, d read');
});

test('what was kept stands where it belongs by its time', () => {
  const at = (minute) => new Date(Date.UTC(2026, 0, 31, 10, minute));
  const talk = new Talk(34);
  talk.write('a', 'a', at(1));
  talk.write('d', 'd', at(4));
  talk.take('b', 78, 'b', at(2));
  talk.take('c', 78, 'c', at(2));
  talk.take('e', 78, 'e', at(5));
  talk.take('0', 78, '0', at(0));
  assert.equal(talk.messages.map(({ id }) => id).join(''), '0abcde');
});

test('nobody moves the messages of another', () => {
  const talk = new Talk(34, [said('a', 78, 'sent')]);
  assert.equal(talk.move('a', 'read'), undefined);
  assert.equal(talk.refuse('a', 'x'), undefined);
  assert.equal(states(talk), 'a sent');
});

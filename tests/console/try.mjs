// Two trial users chat in the page, over the chat door.
import { expect, step } from './browser.mjs';

const WORDS = '<b>bold</b> & 🎉';

// The side of one of them.
const side = (page, name) => page.getByRole('region', { name, exact: true });
const message = (page, name, text) => side(page, name).getByRole('listitem').filter({ hasText: text }).first();
const ticked = (page, name, text, tick) => message(page, name, text).locator('.tick', { hasText: tick }).waitFor();

// Writes as one of them, without sending.
const write = async (desk, name, text) => {
  const field = desk.page.getByLabel(`${name} writes`, { exact: true });
  if (desk.hand === 'mouse') await field.click();
  else await desk.reach(field);
  await desk.page.keyboard.insertText(text);
};

const say = async (desk, name, text) => {
  await write(desk, name, text);
  if (desk.hand === 'mouse') await side(desk.page, name).getByRole('button', { name: /^Send/ }).click();
  else await desk.page.keyboard.press('Enter');
};

// Waits until both are there.
const start = async (desk) => {
  await desk.press('button', 'Start');
  for (const name of ['Ann', 'Bob']) await side(desk.page, name).locator('.badge', { hasText: 'online' }).waitFor();
};

export const tryIt = async (desk) => {
  const { page } = desk;
  await desk.sees('Apps');
  await desk.press('link', 'First app');
  await desk.press('link', 'Try it');
  await desk.sees('Try First app');
  await desk.look('try');
  // The test's server has ports of its own, and a certificate that no browser knows.
  await desk.press('link', /^Take wss:/);
  await desk.press('button', 'Start');
  await side(page, 'Ann').getByRole('alert').filter({ hasText: 'does not trust the certificate' }).waitFor();
  await desk.look('try-unreached');
  desk.forgiveWords('ERR_CERT_AUTHORITY_INVALID');
  step('where the door is not reached the page says what to do');

  await desk.press('link', /^Take ws:/);
  await start(desk);
  await say(desk, 'Ann', WORDS);
  await ticked(page, 'Ann', WORDS, 'delivered');
  await message(page, 'Bob', WORDS).waitFor();
  await side(page, 'Bob').getByText('1 unread').waitFor();
  expect((await side(page, 'Bob').locator('.body b').count()) === 0, 'what was written became markup');
  step('a message is sent, delivered and unread');

  await write(desk, 'Bob', 'Hello');
  await ticked(page, 'Ann', WORDS, 'read');
  await side(page, 'Ann').getByText('Bob is writing …').waitFor();
  await side(page, 'Bob').getByText('1 unread').waitFor({ state: 'hidden' });
  step('who goes to his field has read, and is seen writing');
  await say(desk, 'Bob', ' Ann');
  await message(page, 'Ann', 'Hello Ann').waitFor();
  await side(page, 'Ann').getByText('Bob is writing …').waitFor({ state: 'detached' });
  await ticked(page, 'Bob', 'Hello Ann', 'delivered');
  await say(desk, 'Ann', 'Off you go');
  await ticked(page, 'Bob', 'Hello Ann', 'read');
  await ticked(page, 'Ann', 'Off you go', 'delivered');
  await desk.look('try-chat');
  step('it goes both ways');

  await desk.press('button', 'Take Bob offline');
  await side(page, 'Bob').locator('.badge', { hasText: 'offline' }).waitFor();
  await say(desk, 'Ann', 'While you were out');
  await ticked(page, 'Ann', 'While you were out', '✓ sent');
  expect((await message(page, 'Bob', 'While you were out').count()) === 0, 'it came to who is offline');
  await say(desk, 'Bob', 'From the tunnel');
  await ticked(page, 'Bob', 'From the tunnel', 'waiting');
  await desk.press('button', 'Bring Bob online');
  await message(page, 'Bob', 'While you were out').waitFor();
  await ticked(page, 'Ann', 'While you were out', 'delivered');
  const order = await side(page, 'Bob').locator('.body').allTextContents();
  expect(order.at(-2).endsWith('While you were out') && order.at(-1).endsWith('From the tunnel'), `Bob sees ${order}`);
  await message(page, 'Ann', 'From the tunnel').waitFor();
  await ticked(page, 'Bob', 'From the tunnel', 'delivered');
  step('who was offline gets what was written, and sends what he wrote');

  await desk.unfold('Stanzas of Ann');
  const frames = await side(page, 'Ann').locator('.frames').innerText();
  for (const part of ['<open ', 'mechanism="PLAIN">…</auth>', '<success', '&lt;b&gt;bold', '<displayed ', '<r ']) {
    expect(frames.includes(part), `no ${part} among the stanzas: ${frames}`);
  }
  await desk.look('try-stanzas');
  const link = await message(page, 'Ann', WORDS).getByRole('link', { name: /^trace/ }).getAttribute('href');
  expect(/^\/console\/apps\/1\/messages\/[0-9a-f]{24}$/.test(link), `no way to the trace: ${link}`);
  step('the stanzas are shown without the secret, and each message leads to its trace');

  const other = await desk.context.newPage();
  await other.goto(page.url());
  await other.getByRole('button', { name: 'Start', exact: true }).click();
  await side(other, 'Ann').locator('.badge', { hasText: 'online' }).waitFor();
  await other.close();
  await desk.press('button', 'Take Ann offline');
  await desk.press('button', 'Bring Ann online');
  await side(page, 'Ann').getByRole('alert').filter({ hasText: 'refused the sign-in: Invalid username or password.' }).waitFor();
  step('a start in another page ends the tokens of this one');

  await page.reload();
  await start(desk);
  for (const name of ['Ann', 'Bob']) {
    const lines = await side(page, name).locator('.body').allTextContents();
    expect(lines.length === 5 && lines[0].endsWith(WORDS), `${name} sees ${lines}`);
  }
  await ticked(page, 'Ann', WORDS, 'read');
  // By keyboard the way to the stanzas leads through Bob's field.
  await ticked(page, 'Ann', 'While you were out', /delivered|read/);
  step('what was said is there after a reload, and what became of it');

  await desk.press('link', /^Remove the trial users/);
  await desk.sees('Remove the trial users');
  await desk.reads('natter-try-1-admin');
  await desk.look('try-remove');
  await desk.press('button', 'Erase them');
  await desk.reads('The trial users are being erased.');
  await desk.press('link', /^Remove the trial users/);
  await desk.reads('You have no trial users in this app.');
  step('the trial users are removed');
};

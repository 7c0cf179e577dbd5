// The way of a message, from the field where its id is pasted to what became of its alerts.
import { expect, step } from './browser.mjs';

const PATIENCE_MS = 60_000;
const { bob, message } = JSON.parse(process.env.NATTER_CONSOLE_CAST) ?? {};

export const trace = async (desk) => {
  const { page } = desk;
  await desk.sees('Apps');
  await desk.press('link', 'First app');
  await desk.press('link', 'Message trace');
  await desk.sees('Message trace of First app');
  await desk.look('trace');
  await desk.type('Message id', 'not an id');
  await desk.press('button', 'Follow it');
  await page.locator('#trouble:focus').waitFor();
  desk.forgive(400);
  expect((await page.getByLabel('Message id').inputValue()) === 'not an id', 'what was typed is lost');
  await desk.look('trace-refused');
  await desk.type('Message id', message);
  await desk.press('button', 'Follow it');
  await desk.sees(`Message ${message}`);
  // Hops and alerts come to where they are kept a moment later.
  const isThere = async () => (await page.getByText('Alert not sent').count()) > 0 && (await page.getByText('Acknowledged').count()) > 0;
  for (const until = Date.now() + PATIENCE_MS; !(await isThere()) && Date.now() < until; ) {
    await page.waitForTimeout(200);
    await desk.press('link', 'Look again');
    await desk.sees(`Message ${message}`);
  }
  desk.forgive(404);
  const way = await page.locator('.way').innerText();
  for (const words of ['Received', 'Ordered', 'Stored', 'Fanned out', 'To be alerted: no session of the user is open.', 'the app has no credentials for this channel.']) {
    expect(way.includes(words), `no ${words} in ${way}`);
  }
  expect(!(await page.content()).includes('Good night'), 'the page has what the message says');
  await desk.look('message');
  step('the way of a message is shown with its alerts');

  await desk.press('link', 'Message trace');
  await desk.type('User id', String(bob));
  await desk.press('button', 'Show what is unread');
  await desk.sees('Unread by bob');
  step('a user leads to what is unread');

  await desk.press('link', 'Message trace');
  await desk.type('Message id', '66f1ffffffffffffffffffff');
  await desk.press('button', 'Follow it');
  await desk.reads('Nothing is known of this message');
  desk.forgive(404);
  await desk.look('message-unknown');
  step('of what left no trace the page says why');

  await desk.press('link', 'Follow every message of this app');
  await desk.sees('Message trace of First app');
  await desk.type('Hours', '2');
  await desk.press('button', 'Follow every message');
  await desk.reads('From now on every message of this app leaves a trace.');
  await desk.look('trace-on');
  await desk.press('button', 'Stop following every message');
  await desk.reads('From now on as many messages leave a trace');
  step('every message of an app is followed, and no longer');
};

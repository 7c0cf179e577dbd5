// What servers of an app are told: a webhook from its making to its end.
import { createRequire } from 'node:module';
import { expect, step } from './browser.mjs';

const { url, taken } = JSON.parse(process.env.NATTER_CONSOLE_CAST) ?? {};
const { Webhook } = createRequire(process.env.NATTER_CONSOLE_MODULES)('standardwebhooks');

export const webhooks = async (desk) => {
  const { page } = desk;
  await desk.sees('Apps');
  await desk.press('link', 'First app');
  await desk.press('link', 'Webhooks');
  await desk.sees('Webhooks of First app');
  await desk.reads('There are none yet.');
  await desk.look('webhooks-none');
  await desk.press('link', 'New webhook');
  await desk.sees('New webhook');
  await desk.type(/^Address/, 'ftp://nowhere');
  await desk.type(/^Name/, 'Shop');
  await desk.press('button', 'Make it');
  await page.locator('#trouble:focus').waitFor();
  desk.forgive(422);
  await desk.type(/^Address/, url);
  await desk.press('button', 'Make it');
  await desk.sees('The webhook was made');
  const secret = await page.locator('.shown-once code').innerText();
  expect(secret.startsWith('whsec_'), secret);
  await desk.look('webhook-secret');
  await desk.press('link', 'The webhook');
  await desk.sees('Shop of First app well');
  expect(!(await page.content()).includes(secret), 'the secret came back');
  step('a webhook is made, and its secret shown once');

  await desk.press('button', 'Send a test');
  await desk.reads('Test: It was taken');
  const [told] = await (await fetch(taken)).json();
  new Webhook(secret).verify(told.body, told.headers);
  expect(JSON.parse(told.body).type === 'webhook.ping', told.body);
  await desk.look('webhook');
  step('a test reaches the receiver, and its signature is good');

  await page.getByLabel('message.created').check();
  await desk.press('button', 'Save');
  await desk.reads('Saved: what happens from now on is told so.');
  expect(await page.getByLabel('message.created').isChecked(), 'it is not ticked');
  step('what it is told is changed');

  await desk.press('button', 'Pause');
  await desk.reads('The webhook is paused: what happens waits.');
  await desk.press('button', 'Resume');
  await desk.reads('What waits is being sent.');
  step('it is paused and resumed');

  await desk.press('link', 'Delete …');
  await desk.sees('Delete Shop?');
  await desk.press('button', 'Delete the webhook');
  await desk.reads('The webhook was deleted');
  await desk.reads('There are none yet.');
  step('it is deleted after a question');
};

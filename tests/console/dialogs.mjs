// A dialog is found and frozen, what was said in it is read for a reason, and a reported message is removed.
import { expect, step } from './browser.mjs';

export const dialogs = async (desk) => {
  const { page } = desk;
  const { ann, bob } = JSON.parse(process.env.NATTER_CONSOLE_CAST);
  const name = `Users ${Math.min(ann, bob)} and ${Math.max(ann, bob)}`;
  await desk.sees('Apps');
  await desk.press('link', 'First app');
  await desk.press('link', 'Dialogs');
  await desk.sees('Dialogs of First app');
  await desk.look('dialogs');
  await desk.type('Id of a member', String(bob));
  await desk.press('button', 'Find');
  await desk.press('link', name);
  await desk.sees(name);
  await desk.reads('owner');
  expect(!(await page.content()).includes('Good night'), 'what was said is shown without a reason');
  await desk.look('dialog');
  step('a dialog is found by its member');

  await desk.press('button', 'Freeze');
  await desk.reads('The dialog is frozen');
  await desk.look('dialog-frozen');
  await desk.press('button', 'Unfreeze');
  await desk.reads('writes again');
  step('a dialog is frozen and unfrozen');

  await desk.press('link', 'Read messages …');
  await desk.sees(`Read ${name}`);
  await desk.press('button', 'Break the glass');
  await page.locator('#trouble:focus').waitFor();
  desk.forgive(400);
  await desk.look('dialog-open-refused');
  await desk.type(/^Why you read this dialog/, 'bob asks what was said');
  await desk.press('button', 'Break the glass');
  await desk.sees(`Said in ${name}`);
  await desk.reads('Good night!');
  await desk.look('dialog-messages');
  await desk.press('link', 'Audit log');
  await desk.reads('bob asks what was said');
  step('what was said is read for a reason, which the log has');

  await desk.press('link', 'Apps');
  await desk.press('link', 'First app');
  await desk.press('link', 'Moderation');
  await desk.sees('Reports of First app');
  await desk.reads('an insult');
  await desk.look('moderation');
  await page.locator('tbody a').first().focus();
  await page.keyboard.press('Enter');
  await desk.sees('Report of a message');
  expect(!(await page.content()).includes('Good night'), 'what was said is shown without a reason');
  await desk.look('report');
  await desk.press('button', 'Remove the message for all');
  await desk.reads('The message was removed for all, and the report is closed.');
  await desk.reads('No report is open.');
  await desk.press('link', 'Closed');
  await desk.reads('removed');
  await desk.look('moderation-closed');
  await desk.press('link', 'Log');
  await desk.reads('removed the message');
  await desk.look('moderation-log');
  step('a reported message is removed, which closes its report and stands in the log');
};

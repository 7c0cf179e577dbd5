// The sessions of a user, contacts, and the export.
import { expect, stage, step } from './browser.mjs';

export const sessions = async (desk) => {
  const { page } = desk;
  const { user } = stage;
  await desk.sees('Apps');
  await page.goto(`/console/apps/1/users/${user}/sessions`);
  await desk.sees('Sessions of sessions-ann');
  const chat = page.getByRole('group', { name: 'Chat sessions' }).locator('tbody tr');
  const rest = page.getByRole('group', { name: 'REST sessions' }).locator('tbody tr');
  expect((await chat.count()) === 2, `${await chat.count()} chat sessions`);
  expect((await rest.count()) === 2, `${await rest.count()} REST sessions`);
  await desk.look('user-sessions');
  step('the sessions of both doors are listed');

  const named = await chat.first().getByRole('link').getAttribute('href');
  await desk.press('link', `End … ${await chat.first().getByRole('link').locator('.unseen').innerText()}`.replace(/\s+/g, ' '));
  await desk.sees('End a session of sessions-ann');
  await desk.look('user-session-end');
  await desk.press('link', 'Cancel');
  await desk.sees('Sessions of sessions-ann');
  expect((await chat.count()) === 2, 'it was ended all the same');
  await page.goto(named);
  await desk.press('button', 'End the session');
  await desk.reads('The session was ended.');
  expect((await chat.count()) === 1, 'it is listed still');
  step('one session is ended after a question');

  await desk.press('link', 'End all …');
  await desk.sees('End all sessions of sessions-ann');
  await desk.look('user-sessions-end');
  await desk.press('button', 'End all sessions');
  await desk.reads('All sessions of the user were ended.');
  await desk.reads('The user is not connected.');
  await desk.reads('No token of this user is alive.');
  await desk.look('user-sessions-none');
  step('all sessions are ended after a question');

  await desk.press('link', 'Contacts');
  await desk.sees('Contacts of sessions-ann');
  await desk.reads('The Romeo');
  await desk.reads('deny');
  await desk.look('user-contacts');
  step('contacts and privacy lists are shown');

  await desk.press('link', 'Data');
  await desk.sees('Data of sessions-ann');
  await desk.look('user-data');
  const download = page.waitForEvent('download');
  await desk.press('link', 'Export');
  const lines = [];
  for await (const chunk of await (await download).createReadStream()) lines.push(chunk);
  const rows = Buffer.concat(lines).toString().trim().split('\n').map((line) => JSON.parse(line));
  expect(rows.at(-1).kind === 'end' && rows.at(-1).whole === true, `not whole: ${JSON.stringify(rows.at(-1))}`);
  expect(rows.some((row) => row.kind === 'contact' && row.name === 'The Romeo'), 'no contact');
  await page.goto('/console/audit');
  await desk.reads('user.export');
  await desk.reads('user.sessions.end');
  step('the export is whole, and in the audit log');
};

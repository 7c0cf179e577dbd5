// An app from its making to its end.
import { expect, step } from './browser.mjs';

export const apps = async (desk) => {
  const { page } = desk;
  await desk.sees('Apps');
  await desk.look('apps');
  await desk.press('link', 'New app');
  await desk.sees('New app');
  await desk.look('app-new');
  await desk.type('Title', 'Corner <shop>');
  await desk.type('App id', 'seven');
  await desk.press('button', 'Make the app');
  await desk.reads('App id must be a whole number.');
  await page.locator('#trouble:focus').waitFor();
  desk.forgive(400);
  await desk.look('app-new-refused');
  expect((await page.getByLabel('Title').inputValue()) === 'Corner <shop>', 'what was typed is lost');
  step('a refused form keeps what was typed');

  await desk.type('App id', '');
  await desk.press('button', 'Make the app');
  await desk.sees('Corner <shop>');
  await desk.reads('The app was made.');
  const secret = page.locator('details', { hasText: 'Show the secret' }).locator('code');
  expect(!(await secret.isVisible()), 'the secret is shown unasked');
  await desk.unfold('Show the secret');
  await secret.waitFor({ state: 'visible' });
  expect((await secret.textContent()).length > 10, 'there is no secret');
  await desk.look('app');
  step('an app is made and its secret shown when asked for');

  await desk.press('button', 'Rotate the keys');
  await desk.reads('The app has new keys.');
  await desk.look('app-rotated');
  await desk.press('button', 'End the earlier keys');
  await desk.reads('The earlier keys open nothing any more.');
  expect((await page.getByRole('button', { name: 'End the earlier keys' }).count()) === 0, 'the earlier keys are still there');
  step('keys are rotated, and those before ended');

  await desk.press('link', 'Settings');
  await desk.sees('Settings of Corner <shop>');
  await desk.type('Title', 'Corner shop');
  await desk.tick('Guests');
  await desk.tick('Signed sessions only');
  await desk.type('Messages a second', '25');
  await desk.look('app-settings');
  await desk.press('button', 'Save');
  await desk.reads('The settings were saved.');
  expect((await page.getByLabel('Messages a second').inputValue()) === '25', 'the quota is lost');
  expect(await page.getByLabel('Guests').isChecked(), 'the guests are lost');
  await desk.press('button', 'Save');
  await desk.reads('Nothing was changed.');
  await desk.type(/^Chat$/, 'not a host!');
  await desk.press('button', 'Save');
  await page.locator('#trouble:focus').waitFor();
  expect((await page.getByLabel('Chat', { exact: true }).getAttribute('aria-invalid')) === 'true', 'the field is not marked');
  desk.forgive(422);
  step('settings are saved, and a wrong one is named');

  await desk.press('link', 'Overview');
  await desk.sees('Corner shop');
  await desk.reads('25 messages a second');
  await desk.press('button', 'Suspend');
  await desk.reads('The app was suspended');
  await desk.press('button', 'Resume');
  await desk.reads('The app was resumed.');
  await desk.press('button', 'Suspend');
  await desk.press('link', 'Delete …');
  await desk.sees('Delete Corner shop');
  await desk.look('app-delete');
  await desk.type(/^Name of the app/, 'corner');
  await desk.press('button', 'Delete the app');
  await desk.reads('is not the name of this app');
  desk.forgive(400);
  await desk.type(/^Name of the app/, 'Corner shop');
  await desk.press('button', 'Delete the app');
  await desk.sees(/^Erasure of app \d+$/);
  await page.locator('.badge.ok').waitFor();
  await desk.look('erasure-app');
  step('an app is suspended, resumed, and deleted by its name');
};

export const sdk = async (desk) => {
  const { page } = desk;
  await desk.sees('Apps');
  await desk.press('link', 'First app');
  await desk.press('link', 'SDK');
  await desk.sees('SDK for First app');
  await desk.look('app-sdk');
  const lines = await page.locator('pre').allTextContents();
  expect(lines.length === 5 && lines.every((one) => one.includes('ConnectyCube.init(')), `no lines to paste: ${lines}`);
  await desk.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await desk.press('button', /^Copy the lines for 3\.x/);
  await page.getByRole('button', { name: /^Copied/ }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied === lines[1], `copied was ${copied}`);
  step('the lines for a version of the SDK are copied');
};

// Who may do what: signing in, an operator of one app, the sign-ins, the audit log. And the whole without a script.
import { expect, step } from './browser.mjs';

const ADMIN = process.env.NATTER_CONSOLE_PASSWORD;

export const operators = async (desk) => {
  const { page } = desk;
  await page.goto('/console/operators');
  await desk.sees('Sign in');
  await desk.look('sign-in');
  await desk.signIn('admin', 'wrong horse');
  await desk.reads('Name or password is wrong.');
  desk.forgive(403);
  await desk.look('sign-in-refused');
  expect((await page.getByLabel(/^Name/).inputValue()) === 'admin', 'the name is lost');
  await desk.signIn('admin', ADMIN);
  await desk.sees('Operators');
  await desk.look('operators');
  step('a wrong password is refused, a right one leads to the page that was asked for');

  await desk.press('link', 'New operator');
  await desk.look('operator-new');
  await desk.type(/^Name/, 'ann');
  await desk.choose('Role', 'moderator');
  await desk.type(/^Apps/, 'one');
  await desk.press('button', 'Make the operator');
  await desk.reads('Apps must be all, or ids of apps.');
  desk.forgive(400);
  await desk.type(/^Apps/, '1');
  await desk.press('button', 'Make the operator');
  await desk.sees('Operator ann was made');
  const password = await page.locator('.shown-once code').textContent();
  await desk.look('operator-secret');
  await desk.press('link', 'Role and apps');
  await desk.sees('Operator ann');
  await desk.look('operator');
  step('an operator of one app is made, the password shown once');

  await desk.press('button', 'Sign out');
  await desk.reads('You are signed out.');
  await desk.signIn('ann', password);
  await desk.sees('Apps');
  await desk.look('apps-of-ann');
  expect((await page.getByRole('link', { name: 'Operators' }).count()) === 0, 'ann is offered what she may not');
  for (const [path, status, heading] of [['/console/operators', 403, 'Not allowed'], ['/console/apps/9', 404, 'Not found'], ['/console/nothing', 404, 'Not found']]) {
    await page.goto(path);
    await desk.sees(heading);
    await desk.look(`refused-${status}`);
    desk.forgive(status);
  }
  await desk.press('link', 'ann');
  await desk.sees('Sign-ins');
  await desk.look('sessions');
  await desk.press('button', /^End the one begun/);
  await desk.reads('You are signed out.');
  await page.goto('/console/apps');
  await desk.sees('Sign in');
  step('she sees her app and nothing else, and ends her sign-in');

  await desk.signIn('admin', ADMIN);
  await desk.press('link', 'Operators');
  await desk.press('link', 'ann');
  await desk.choose('Role', 'viewer');
  await desk.press('button', 'Save');
  await desk.reads('Role and apps were set.');
  await desk.press('button', 'New password');
  await desk.sees('New password of ann');
  expect((await page.locator('.shown-once code').textContent()) !== password, 'it is the old one');
  await desk.press('link', 'Role and apps');
  await desk.press('link', 'Remove …');
  await desk.sees('Remove ann');
  await desk.look('operator-remove');
  await desk.type(/^Name of the operator/, 'ann');
  await desk.press('button', 'Remove the operator');
  await desk.reads('The operator was removed.');
  step('an operator is changed and removed');

  await desk.press('link', 'Audit log');
  await desk.sees('Audit log');
  await desk.reads('operator.remove');
  await desk.type('Operator', 'ann');
  await desk.press('button', 'Filter');
  await page.getByText('operator.remove').waitFor({ state: 'detached' });
  await desk.reads('session.begin');
  expect(!(await page.content()).includes(password), 'the log holds a password');
  await desk.look('audit');
  step('every change is in the audit log');
};

export const withoutScript = async (desk) => {
  const { page } = desk;
  await desk.sees('Apps');
  await desk.press('link', 'New app');
  await desk.type('Title', 'Plain');
  await desk.press('button', 'Make the app');
  await desk.sees('Plain');
  await desk.unfold('Show the key');
  await page.locator('details', { hasText: 'Show the key' }).locator('code').waitFor({ state: 'visible' });
  expect((await page.getByRole('button', { name: 'Copy' }).count()) === 0, 'a script ran');
  await desk.press('button', 'Suspend');
  await desk.reads('The app was suspended');
  await desk.press('button', 'Sign out');
  await desk.reads('You are signed out.');
  step('signing in, making an app and signing out work without a script');
};

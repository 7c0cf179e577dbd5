// A user from its making to its erasure, found, kept out and let in between.
import { expect, step } from './browser.mjs';

export const users = async (desk) => {
  const { page } = desk;
  await desk.sees('Apps');
  await desk.press('link', 'First app');
  await desk.press('link', 'Users');
  await desk.sees('Users of First app');
  await desk.look('users');
  await desk.press('link', 'New user');
  await desk.type('Login', 'romeo');
  await desk.type('Full name', 'Mercutio <b>');
  await desk.type(/^Password/, 'correct horse');
  await desk.press('button', 'Make the user');
  await page.locator('#trouble:focus').waitFor();
  desk.forgive(409);
  expect((await page.getByLabel('Login').inputValue()) === 'romeo', 'what was typed is lost');
  expect((await page.getByLabel(/^Password/).inputValue()) === '', 'the password came back');
  await desk.look('user-new-refused');
  await desk.type('Login', 'mercutio');
  await desk.type(/^Password/, 'correct horse');
  await desk.press('button', 'Make the user');
  await desk.sees('mercutio');
  await desk.reads('The user was made.');
  await desk.look('user');
  const id = new URL(page.url()).pathname.split('/').at(-1);
  step('a user is made');

  await desk.press('link', 'Users');
  const field = 'Id, or part of a login, e-mail, phone or name';
  await desk.type(field, 'tybalt');
  await desk.press('button', 'Find');
  await desk.reads('No user of this app has “tybalt”');
  await desk.type(field, 'tio <B');
  await desk.press('button', 'Find');
  await desk.reads('One user');
  await desk.look('users-found');
  await desk.press('link', 'mercutio');
  await desk.sees('mercutio');
  await desk.press('link', 'Users');
  await desk.type(field, id);
  await desk.press('button', 'Find');
  await desk.sees('mercutio');
  step('a user is found by a part of the name, and by id');

  await desk.press('link', 'Ban …');
  await desk.sees('Ban mercutio');
  await desk.look('user-ban');
  await desk.press('button', 'Ban the user');
  await desk.reads('The user was banned');
  await desk.look('user-banned');
  await desk.press('button', 'Lift the ban');
  await desk.reads('The ban was lifted');
  expect((await page.getByRole('link', { name: 'Ban …' }).count()) === 1, 'the ban is still there');
  step('a user is banned and let in again');

  await desk.press('link', 'Erase …');
  await desk.sees('Erase mercutio');
  await desk.look('user-erase');
  await desk.type(/^Name of the user/, 'mercutio');
  await desk.press('button', 'Erase the user');
  await desk.sees(`Erasure of user ${id}`);
  await page.locator('.badge.ok').waitFor();
  await desk.look('erasure-user');
  step('a user is erased, with the report of the walk');
};

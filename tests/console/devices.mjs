// The device of a user who is away, and why his badge is what it is.
import { expect, step } from './browser.mjs';

export const devices = async (desk) => {
  const { page } = desk;
  await desk.sees('Apps');
  await desk.press('link', 'First app');
  await desk.press('link', 'Users');
  await desk.press('link', 'bob');
  await desk.sees('bob');
  await desk.press('link', 'Devices');
  await desk.sees('Devices of bob');
  await desk.reads('device-1');
  expect(!(await page.content()).includes('APA91'), 'the token of the device is shown');
  await desk.look('devices');
  await desk.press('link', /^End …/);
  await desk.sees(/^End device \d+ of bob$/);
  await desk.look('device-end');
  await desk.press('button', 'End the subscription');
  await desk.reads('The device gets no more alerts');
  await desk.reads('No device of this user subscribed to alerts.');
  step('a device is ended');

  await desk.press('link', 'Unread');
  await desk.sees('Unread by bob');
  await desk.reads('unread message is what the badge of this user shows.');
  await desk.look('unread');
  await desk.press('link', /dialog$|^ann/);
  await desk.sees('Unread by bob in a dialog');
  await desk.look('unread-dialog');
  await desk.press('link', /^Follow/);
  await desk.sees(/^Message /);
  await desk.reads('It is durable');
  step('a badge is explained, down to the message');
};

// Who an app is to the push providers.
import { expect, stage, step } from './browser.mjs';

export const credentials = async (desk) => {
  const { page } = desk;
  // What is secret of a file: a line in the middle of it.
  const secret = stage.key.split('\n')[1];
  const isHidden = async (text) => expect(!(await page.content()).includes(text), 'a secret came back');
  await desk.sees('Apps');
  await desk.press('link', 'First app');
  await desk.press('link', 'Push credentials');
  await desk.sees('Push credentials of First app');
  await desk.reads('Public key');
  await desk.press('link', 'Set an APNs key');
  await desk.sees('APNs key of First app');
  await desk.look('push-apns-key');
  await desk.type(/^Key \(/, stage.key);
  await desk.type(/^Key id/, 'short');
  await desk.type(/^Team id/, stage.team_id);
  await desk.type('Bundle', stage.bundle);
  await desk.press('button', 'Save');
  await page.locator('#trouble:focus').waitFor();
  desk.forgive(422);
  await desk.reads('Key id is not 10 letters and digits.');
  expect((await page.getByLabel(/^Key \(/).inputValue()) === '', 'the key came back');
  expect((await page.getByLabel('Bundle').inputValue()) === stage.bundle, 'what was typed is lost');
  await isHidden(secret);
  await desk.look('push-apns-key-refused');
  step('a refused key is named at its field and does not come back');

  await desk.type(/^Key \(/, stage.key);
  await desk.type(/^Key id/, stage.key_id);
  await desk.press('button', 'Save');
  await desk.reads('The credentials were checked and are in force.');
  await desk.reads(stage.key_id);
  await isHidden(secret);
  step('an APNs key is kept, and nothing of it is shown');

  await desk.press('link', 'Set an FCM service account');
  const file = { name: 'account.json', mimeType: 'application/json', buffer: Buffer.from(stage.account) };
  await page.getByLabel('Or from a file:').setInputFiles(file);
  await page.waitForFunction(() => document.getElementById('service_account').value.length > 100);
  await desk.press('button', 'Save');
  await desk.reads('The credentials were checked and are in force.');
  await desk.reads(stage.project);
  await isHidden('BEGIN PRIVATE KEY');
  step('a service account is taken from its file');

  await desk.press('link', 'Set an APNs certificate');
  await desk.type(/^Certificate and private key/, stage.certificate);
  await desk.type('Bundle', 'org.example.other');
  await desk.choose('Environment', 'development');
  await desk.press('button', 'Save');
  await desk.reads('The credentials were checked and are in force.');
  await page.locator('.warning', { hasText: 'APNs certificate, org.example.other, development: ends in 10 days' }).waitFor();
  await isHidden('BEGIN PRIVATE KEY');
  await desk.look('push');
  step('a certificate that ends soon is warned of');

  await desk.press('link', 'Remove … APNs certificate, org.example.other, development');
  await desk.sees('Remove the APNs certificate?');
  await desk.look('push-remove');
  await desk.press('button', 'Remove the credentials');
  await desk.reads('The credentials were removed.');
  expect((await page.getByText('org.example.other').count()) === 0, 'the certificate is still there');
  step('credentials are removed after a question');

  const publicKey = () => page.locator('code.copy').textContent();
  const before = await publicKey();
  await desk.press('link', 'Replace Web Push pair');
  await desk.look('push-pair');
  await desk.type(/^Private key/, 'not a key');
  await desk.press('button', 'Replace the pair');
  await desk.reads(/has to be ticked/);
  desk.forgive(400);
  await isHidden('not a key');
  await desk.type(/^Private key/, 'not a key');
  await desk.tick('Browsers that subscribed with the present pair may fall silent');
  await desk.press('button', 'Replace the pair');
  await desk.reads('Private key is not 32 bytes on P-256 in base64url.');
  desk.forgive(422);
  await desk.press('link', 'Cancel');
  expect((await publicKey()) === before, 'the pair was replaced');
  await desk.press('link', 'Make another … Web Push pair');
  await desk.reads('Every browser that is subscribed falls silent');
  await desk.look('push-pair-remove');
  await desk.press('button', 'Make another pair');
  await desk.reads('The credentials were removed.');
  expect((await publicKey()) !== before, 'the pair is the same');
  step('the pair for Web Push is replaced only by who knows what that does');
};

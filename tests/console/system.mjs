// The process: how it is, what is set, and all of that as a file.
import { readFileSync } from 'node:fs';
import { expect, step } from './browser.mjs';

export const system = async (desk) => {
  const { page } = desk;
  await desk.press('link', 'System');
  await desk.sees('System');
  await desk.reads('runs and is ready');
  expect((await page.locator('.badge.fail').count()) === 0, `something failed: ${await page.locator('main').innerText()}`);
  await desk.look('system');
  step('every part is well');
  await desk.press('link', /^Show all \d+$/);
  await desk.reads('account.argon2.memory_kib');
  await desk.look('system-settings');
  step('every setting is shown');
  const [download] = await Promise.all([page.waitForEvent('download'), desk.press('link', 'Support bundle')]);
  const text = readFileSync(await download.path(), 'utf8');
  expect(text.startsWith('Natter ') && text.includes('edge.tls_port = ') && text.includes('natter_console_requests'), text.slice(0, 500));
  expect(!text.includes(process.env.NATTER_CONSOLE_PASSWORD), 'the bundle holds the password');
  step('the support bundle is there');
};

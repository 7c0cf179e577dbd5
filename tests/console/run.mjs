// node run.mjs URL SCENARIO mouse|keyboard: does one scenario on the console and writes each step to stdout when it was seen to work.
import { apps, sdk } from './apps.mjs';
import { open, step } from './browser.mjs';
import { system } from './system.mjs';
import { users } from './users.mjs';

const SCENARIOS = { apps, sdk, users, system };
const [url, scenario, hand] = process.argv.slice(2);

const desk = await open({ url, hand, hasScript: scenario !== 'without-script' });
await desk.page.goto('/');
try {
  await SCENARIOS[scenario](desk);
} catch (error) {
  step(`failed: ${error.stack}\nat ${desk.page.url()}: ${await desk.page.locator('body').innerText().catch(() => '')}`);
  process.exit(1);
}
await desk.close().catch((error) => {
  step(`failed: ${error.message}`);
  process.exit(1);
});

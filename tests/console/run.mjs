// node run.mjs URL SCENARIO mouse|keyboard: does one scenario on the console and writes each step to stdout when it was seen to work.
import { alerts, alertsWithoutScript } from './alerts.mjs';
import { apps, sdk } from './apps.mjs';
import { open, step } from './browser.mjs';
import { credentials } from './credentials.mjs';
import { devices } from './devices.mjs';
import { dialogs } from './dialogs.mjs';
import { operators, withoutScript } from './operators.mjs';
import { sessions } from './sessions.mjs';
import { system } from './system.mjs';
import { trace } from './trace.mjs';
import { tryIt } from './try.mjs';
import { users } from './users.mjs';
import { webhooks } from './webhooks.mjs';

const SCENARIOS = {
  apps,
  sdk,
  users,
  sessions,
  devices,
  dialogs,
  trace,
  system,
  operators,
  'without-script': withoutScript,
  alerts,
  'alerts-without-script': alertsWithoutScript,
  credentials,
  'try-it': tryIt,
  webhooks,
};
const [url, scenario, hand] = process.argv.slice(2);

const desk = await open({ url, hand, hasScript: !scenario.endsWith('without-script') });
try {
  await desk.page.goto('/');
  if (scenario !== 'operators') await desk.signIn('admin', process.env.NATTER_CONSOLE_PASSWORD);
  await SCENARIOS[scenario](desk);
} catch (error) {
  step(`failed: ${error.stack}\nat ${desk.page.url()}: ${await desk.page.locator('body').innerText().catch(() => '')}\n${desk.faults.join('\n')}`);
  process.exit(1);
}
await desk.close().catch((error) => {
  step(`failed: ${error.message}`);
  process.exit(1);
});

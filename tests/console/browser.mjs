// Headless Chromium on the console, as an operator uses it: by mouse or by keyboard alone. What goes wrong on the way (errors of
// scripts, refused loads, breaches of the policy) is kept and fails the run.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(process.env.NATTER_CONSOLE_MODULES);
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };
const TABS_MAX = 150;
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const SHOTS = process.env.NATTER_CONSOLE_SHOTS;

// What the scenario is told of its process.
export const stage = JSON.parse(process.env.NATTER_CONSOLE_CAST ?? 'null') ?? {};

export const step = (text) => console.log(text);

export const expect = (is, what) => {
  if (!is) throw new Error(what);
};

// A browser with one page on the console, not signed in. `hand`: `mouse` or `keyboard`.
export const open = async ({ url, hand, hasScript = true }) => {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
  });
  const context = await browser.newContext({ baseURL: url, viewport: WIDE, javaScriptEnabled: hasScript, colorScheme: 'light' });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const faults = [];
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      console.error(`the policy was broken: ${violatedDirective} ${blockedURI}`);
    });
  });
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (request) => request.url().startsWith(url) || faults.push(`asked elsewhere: ${request.url()}`));
  return new Desk(browser, context, page, faults, hand);
};

class Desk {
  constructor(browser, context, page, faults, hand) {
    Object.assign(this, { browser, context, page, faults, hand });
  }

  async close() {
    await this.browser.close();
    expect(this.faults.length === 0, `the browser complains:\n${this.faults.join('\n')}`);
  }

  // Chromium complains of a page that is answered with an error status; a form that was refused on purpose is no fault.
  forgive(status) {
    const others = this.faults.filter((text) => !text.includes(`status of ${status}`));
    this.faults.splice(0, this.faults.length, ...others);
  }

  // The same of what a scenario brought about on purpose, by words of the complaint.
  forgiveWords(words) {
    const others = this.faults.filter((text) => !text.includes(words));
    this.faults.splice(0, this.faults.length, ...others);
  }

  // Follows a link or presses a button by its name.
  async press(role, name) {
    const target = this.page.getByRole(role, { name, exact: typeof name === 'string' });
    if (this.hand === 'mouse') return target.click();
    await this.reach(target);
    await this.page.keyboard.press('Enter');
  }

  // Puts text in the place of what stands in a field.
  async type(label, text) {
    const field = this.page.getByLabel(label, { exact: typeof label === 'string' });
    if (this.hand === 'mouse') return field.fill(text);
    await this.reach(field);
    await this.page.keyboard.press('Control+A');
    await this.page.keyboard.type(text);
    if (!text) await this.page.keyboard.press('Delete');
  }

  async tick(label) {
    const field = this.page.getByLabel(label, { exact: true });
    if (this.hand === 'mouse') return field.click();
    await this.reach(field);
    await this.page.keyboard.press('Space');
  }

  // Opens what is folded away behind these words.
  async unfold(words) {
    const summary = this.page.locator('summary', { hasText: words });
    if (this.hand === 'mouse') return summary.click();
    await this.reach(summary);
    await this.page.keyboard.press('Enter');
  }

  // Tabs to an element from wherever the focus is, and sees that the focus can be seen.
  async reach(target) {
    await target.waitFor();
    for (let count = 0; count < TABS_MAX; count += 1) {
      if (await target.evaluate((one) => one === document.activeElement)) {
        const outline = await target.evaluate((one) => getComputedStyle(one).outlineStyle);
        expect(outline !== 'none', `the focus on ${target} cannot be seen`);
        return;
      }
      await this.page.keyboard.press('Tab');
    }
    throw new Error(`${target} cannot be reached by the keyboard`);
  }

  // Chooses in a list of choices.
  async choose(label, option) {
    const field = this.page.getByLabel(label, { exact: true });
    if (this.hand === 'mouse') return field.selectOption(option);
    await this.reach(field);
    await this.page.keyboard.type(option);
  }

  // Signs in by the form, from wherever the console leads.
  async signIn(name, password) {
    await this.sees('Sign in');
    await this.type(/^Name/, name);
    await this.type(/^Password/, password);
    await this.press('button', 'Sign in');
  }

  // Waits for the page with this heading.
  async sees(heading) {
    await this.page.getByRole('heading', { level: 1, name: heading, exact: typeof heading === 'string' }).waitFor();
  }

  async reads(text) {
    await this.page.getByText(text).first().waitFor();
  }

  // Looks at the page as it is, light and dark, wide and on a phone: no rule of accessibility is broken, nothing is wider than
  // the screen. By mouse only: the keyboard comes to the same pages.
  async look(name) {
    if (this.hand !== 'mouse') return;
    for (const [width, viewport] of [['wide', WIDE], ['phone', PHONE]]) {
      await this.page.setViewportSize(viewport);
      for (const colorScheme of ['light', 'dark']) {
        await this.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await this.page.evaluate(AXE);
        const { violations } = await this.page.evaluate((rules) => axe.run(document, { runOnly: rules }), RULES);
        const said = violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html, failureSummary }) => `  ${html}\n  ${failureSummary}`).join('\n')}`);
        expect(said.length === 0, `${name}, ${width}, ${colorScheme}: ${said.join('\n')}`);
        const excess = await this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(excess <= 0, `${name}, ${width}: ${excess} pixels stand over`);
        if (SHOTS) {
          mkdirSync(SHOTS, { recursive: true });
          await this.page.screenshot({ path: join(SHOTS, `${name}-${width}-${colorScheme}.png`), fullPage: true });
        }
      }
    }
    await this.page.setViewportSize(WIDE);
    await this.page.emulateMedia({ colorScheme: 'light', reducedMotion: null });
  }
}

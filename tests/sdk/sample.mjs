// Uses the sample as people would: three of them, each in a page of their own, in one Chromium. Writes each step to stdout when it
// was seen to work.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { start } from './chromium.mjs';
import { serve } from './sample/serve.mjs';

const PATIENCE_MS = 30_000;
// One red dot.
const DOT = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

const require = createRequire(process.env.NATTER_SDK_MODULES);
const sdk = join(dirname(require.resolve('connectycube-6/package.json')), 'dist/connectycube.min.js');
const url = `http://localhost:${await serve(0, process.argv[2], sdk)}/`;
const browser = start();

const faults = [];
browser.on('Runtime.exceptionThrown', ({ exceptionDetails: { text, exception } }) => faults.push(exception?.description ?? text));

class Page {
  static async open() {
    const page = new Page();
    const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' });
    ({ sessionId: page.session } = await browser.send('Target.attachToTarget', { targetId, flatten: true }));
    await page.ask('Runtime.enable');
    await page.load();
    return page;
  }

  ask(method, params) {
    return browser.send(method, params, this.session);
  }

  async load() {
    await this.ask('Page.navigate', { url });
    await this.sees('the form', () => document.readyState === 'complete' && !!document.querySelector('#sign-in button'));
  }

  // What a function of the page returns; it is sent as text, with its arguments.
  async run(work, ...given) {
    const expression = `(${work})(...${JSON.stringify(given)})`;
    const { result, exceptionDetails } = await this.ask('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async sees(what, test, ...given) {
    const end = Date.now() + PATIENCE_MS;
    // While a page is loaded anew there is nothing to ask.
    while (!(await this.run(test, ...given).catch(() => false))) {
      if (faults.length) throw new Error(faults.join('\n'));
      if (Date.now() > end) throw new Error(`${what} does not come; the page says: ${await this.run(() => document.body.innerText)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  fill(selector, text) {
    return this.run((selector, text) => {
      const field = document.querySelector(selector);
      if (field.type === 'checkbox') field.checked = text;
      else field.value = text;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    }, selector, text);
  }

  click(selector) {
    return this.run((selector) => document.querySelector(selector).click(), selector);
  }

  async signIn(login, password, fresh) {
    await this.fill('#sign-in [name=login]', login);
    await this.fill('#sign-in [name=password]', password);
    await this.fill('#sign-in [name=fresh]', fresh);
    await this.click('#sign-in button');
  }

  async isOnline() {
    await this.sees('being online', () => document.querySelector('#state').textContent === 'online');
  }

  async chatWith(logins) {
    await this.fill('#start [name=logins]', logins);
    await this.click('#start button');
    await this.sees('the chat', (name) => document.querySelector('#title').textContent === name, logins);
  }

  async write(text) {
    await this.fill('#write [name=text]', text);
    await this.click('#write button');
  }

  // Opens the chat of this name in the list.
  async choose(name) {
    await this.sees(`the chat ${name} in the list`, (name) => [...document.querySelectorAll('#dialogs button')].some((one) => one.textContent.startsWith(name)), name);
    await this.run((name) => [...document.querySelectorAll('#dialogs button')].find((one) => one.textContent.startsWith(name)).click(), name);
  }

  seesMessage(text) {
    return this.sees(`the message ${text}`, (text) => [...document.querySelectorAll('#messages span')].some((one) => one.textContent === text), text);
  }

  seesStatus(text, status) {
    return this.sees(`${status} of ${text}`, (text, status) => {
      const item = [...document.querySelectorAll('#messages li.own')].find((one) => one.querySelector('span').textContent === text);
      return item?.querySelector('.status').textContent.trim() === status;
    }, text, status);
  }
}

const step = (text) => console.log(text);

const scenario = async () => {
  const [ann, bob, cat] = await Promise.all([Page.open(), Page.open(), Page.open()]);
  await ann.signIn('ann', 'wrong horse', false);
  await ann.sees('a refusal', () => document.querySelector('#sign-in .error').textContent !== '');
  step('a wrong sign-in is refused in words');
  for (const [page, login] of [[ann, 'ann'], [bob, 'bob'], [cat, 'cat']]) {
    await page.signIn(login, 'correct horse', true);
    await page.isOnline();
  }
  step('three sign up and are online');

  await ann.chatWith('bob');
  await ann.write('hello bob');
  await ann.seesStatus('hello bob', 'delivered');
  await bob.sees('one unread', () => document.querySelector('#dialogs .unread')?.textContent === '1');
  step('a message is delivered and unread');
  await bob.choose('ann');
  await bob.seesMessage('hello bob');
  await ann.seesStatus('hello bob', 'read');
  step('a message is read');
  await bob.fill('#write [name=text]', 'he');
  await ann.sees('typing', () => document.querySelector('#typing').textContent === 'bob is typing');
  step('typing is seen');

  const dot = join(mkdtempSync(join(tmpdir(), 'natter-sample-')), 'dot.png');
  writeFileSync(dot, Buffer.from(DOT, 'base64'));
  const { root } = await bob.ask('DOM.getDocument');
  const { nodeId } = await bob.ask('DOM.querySelector', { nodeId: root.nodeId, selector: '#write [name=file]' });
  await bob.ask('DOM.setFileInputFiles', { nodeId, files: [dot] });
  await bob.write('a dot');
  await ann.sees('the picture', () => document.querySelector('#messages img')?.naturalWidth === 1);
  await bob.seesStatus('a dot', 'read');
  step('a picture is seen');

  await ann.chatWith('bob, cat');
  await ann.write('hello all');
  for (const page of [bob, cat]) {
    await page.choose('bob, cat');
    await page.seesMessage('hello all');
  }
  await cat.write('hello from cat');
  await ann.seesMessage('hello from cat');
  await bob.seesMessage('hello from cat');
  step('a group talks');

  await bob.load();
  await bob.signIn('bob', 'correct horse', false);
  await bob.isOnline();
  await bob.choose('ann');
  await bob.seesMessage('hello bob');
  await bob.choose('bob, cat');
  await bob.seesMessage('hello from cat');
  step('history is there after a reload');
  await ann.click('#sign-out');
  await ann.sees('the form', () => document.querySelector('#sign-in')?.hidden === false);
  step('signing out');
};

try {
  await scenario();
  process.exit(faults.length ? 1 : 0);
} catch (error) {
  console.log(`failed: ${error.stack}`);
  process.exit(1);
} finally {
  if (faults.length) console.log(faults.join('\n'));
}

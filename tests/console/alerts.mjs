// How alerts look, a test, and what became of them.
import { expect, stage, step } from './browser.mjs';

export const alerts = async (desk) => {
  const { page } = desk;
  const preview = page.locator('#preview');
  await desk.sees('Apps');
  await desk.press('link', 'First app');
  await desk.press('link', 'Chat alerts');
  await desk.sees('Alerts of First app');
  await desk.reads('Romeo: But soft, what light through yonder window breaks?');
  await desk.look('alerts');
  await desk.type('Body', 'a {{ text }}\n{{ nobody }}');
  await preview.getByText(/^Body, line 2: undefined value/).waitFor();
  await desk.press('button', 'Save');
  await page.locator('#trouble:focus').waitFor();
  desk.forgive(422);
  await page.locator('#template-body[aria-invalid]').waitFor();
  expect((await page.locator('.at-line code').textContent()) === '{{ nobody }}', 'the line is not shown');
  await desk.look('alerts-refused');
  step('a broken template is named at its line, while it is typed and when it is saved');

  await desk.type('Title', '{{ dialog.name }}');
  await desk.type('Body', '{{ sender.name }} says {{ text }}');
  await preview.getByText('Romeo says But soft').first().waitFor();
  await desk.type('Sender', 'Mercutio');
  await preview.getByText('Mercutio says But soft').first().waitFor();
  await desk.type('Text', '😀'.repeat(1_100));
  await preview.getByText('text shortened').first().waitFor();
  const meters = await preview.locator('meter').evaluateAll((all) => all.map(({ value, max }) => value / max));
  expect(meters.length === 3 && meters.every((share) => share > 0.9 && share <= 1), `the meters show ${meters}`);
  await desk.look('alerts-draft');
  await desk.press('button', 'Save');
  await desk.reads('Saved: the next alert looks so.');
  await desk.press('button', 'Save');
  await desk.reads('Nothing was changed.');
  step('a template is saved, and the preview follows what is typed');

  await desk.press('button', 'Add a variant');
  await desk.reads('This is a draft: nothing of it is saved yet.');
  await desk.choose('Content for groups', 'attachments');
  await desk.type('Body for groups', '{{ sender.name }} sent {{ attachment.count }}');
  await desk.type('Attachments', 'photo video');
  await desk.choose('Dialog', 'groups');
  await preview.getByText('Romeo sent 2').first().waitFor();
  await desk.look('alerts-variant');
  await desk.press('button', 'Save');
  await desk.reads('Saved: the next alert looks so.');
  await desk.unfold('For attachments in groups');
  expect((await page.locator('#variant0-body').inputValue()).includes('attachment.count'), 'the variant is lost');
  await desk.press('button', /^Remove/);
  await desk.reads('This is a draft: nothing of it is saved yet.');
  expect((await page.locator('.variant').count()) === 0, 'the variant is still there');
  await desk.press('button', 'Save');
  await desk.reads('Saved: the next alert looks so.');
  step('a variant is added, and removed again');

  await desk.tick('In public dialogs');
  await desk.tick('Also of calls');
  if (desk.hand === 'mouse') await page.getByLabel('Names only').click();
  else {
    await desk.reach(page.getByLabel('Names and text'));
    await page.keyboard.press('ArrowDown');
  }
  await page.locator('#preview:not(:has-text("But soft"))').waitFor();
  await desk.press('button', 'Save');
  await desk.reads('Saved: the next alert looks so.');
  expect(!(await page.getByLabel('In public dialogs').isChecked()), 'the type is still chosen');
  expect(await page.getByLabel('Names only').isChecked(), 'the privacy is lost');
  expect(await page.getByLabel('Also of calls').isChecked(), 'calls are lost');
  if (desk.hand === 'mouse') await page.getByLabel('Names and text').click();
  else {
    await desk.reach(page.getByLabel('Names only'));
    await page.keyboard.press('ArrowUp');
  }
  await desk.press('button', 'Save');
  await desk.reads('Saved: the next alert looks so.');
  step('what may leave and in which dialogs is kept');

  await desk.press('link', 'Send a test');
  await desk.sees('Send a test alert of First app');
  await desk.type('User id', 'juliet');
  await desk.press('button', 'Show devices');
  await page.locator('#trouble:focus').waitFor();
  desk.forgive(400);
  await desk.type('User id', String(stage.user));
  await desk.press('button', 'Show devices');
  await desk.reads('gcm, production, android, phone-1');
  await desk.type('Sender', 'Mercutio');
  await desk.type('Text', 'a plague o’ both your houses');
  await desk.look('alert-test');
  await desk.press('button', 'Send the test');
  await desk.reads('taken by the provider');
  await desk.look('alert-test-sent');
  step('a test reaches the device');

  await desk.press('link', 'What became of them');
  await desk.sees('What became of alerts of First app');
  await desk.type('User id', String(stage.user));
  await desk.press('button', 'Show');
  await desk.reads('An event or a test asked for it.');
  await desk.look('alert-journal');
  await page.getByRole('table').waitFor();
  await desk.press('link', /^[0-9a-f]{24}$/);
  await page.locator('#message:not([value=""])').waitFor();
  await desk.reads('taken by the provider');
  step('the journal tells it in words, of a user and of a message');
};

export const alertsWithoutScript = async (desk) => {
  const { page } = desk;
  await desk.sees('Apps');
  await desk.press('link', 'First app');
  await desk.press('link', 'Chat alerts');
  await desk.type('Body', '{{ sender.name }} calls: {{ text }}');
  await desk.type('Sender', 'Nurse');
  await desk.press('button', 'Preview');
  await desk.reads('Nurse calls: But soft');
  await desk.press('button', 'Add a variant');
  await desk.type('Body for groups', 'a group');
  await desk.choose('Dialog', 'groups');
  await desk.press('button', 'Preview');
  await page.locator('.bubble').getByText('a group').waitFor();
  await desk.type('Body for groups', '{{ oops');
  await desk.press('button', 'Preview');
  await desk.reads(/^Body for groups, line 1: /);
  await desk.type('Body for groups', 'a group');
  await desk.press('button', 'Save');
  await desk.reads('Saved: the next alert looks so.');
  step('a draft is previewed, changed and saved without a script');
};

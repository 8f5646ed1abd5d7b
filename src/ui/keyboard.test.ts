// @vitest-environment jsdom
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isComposing, messageText, sendsMessage } from './keyboard.ts';

afterEach(() => vi.unstubAllGlobals());

const key = (init: KeyboardEventInit) => new KeyboardEvent('keydown', { key: 'Enter', ...init });
const screen = (touch: boolean) => vi.stubGlobal('matchMedia', () => ({ matches: touch }));

describe('Return', () => {
  it('sends where there is a keyboard, and makes a line with Shift', () => {
    screen(false);
    expect(sendsMessage(key({}))).toBe(true);
    expect(sendsMessage(key({ ctrlKey: true }))).toBe(true);
    expect(sendsMessage(key({ shiftKey: true }))).toBe(false);
    expect(sendsMessage(key({ key: 'a' }))).toBe(false);
  });

  it('makes a line on a touch screen, and sends with Ctrl or Cmd', () => {
    screen(true);
    expect(sendsMessage(key({}))).toBe(false);
    expect(sendsMessage(key({ ctrlKey: true }))).toBe(true);
    expect(sendsMessage(key({ metaKey: true }))).toBe(true);
  });

  it('ends a conversion and nothing else, in Safari too', () => {
    screen(false);
    for (const conversion of [{ isComposing: true }, { isComposing: false, keyCode: 229 }]) {
      expect(isComposing(key(conversion))).toBe(true);
      expect(sendsMessage(key(conversion))).toBe(false);
    }
    expect(isComposing(key({ keyCode: 13 }))).toBe(false);
  });
});

describe('messageText', () => {
  it.each([
    ['    def f(x):\n        return x\n', '    def f(x):\n        return x'],
    ['\n \n\t\n\tindented', '\tindented'],
    ['  one\n\n  two  ', '  one\n\n  two'],
    ['　全角の空白', '　全角の空白'],
    ['plain', 'plain'],
    [' \n\n ', ''],
  ])('%j', (written, sent) => {
    expect(messageText(written)).toBe(sent);
  });
});

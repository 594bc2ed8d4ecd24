import { afterEach, expect, it } from 'vitest';
import { DepthTable } from '#src/actor/depth-table.js';
import { ActorHost } from '#src/actor/host.js';
import { LastWords } from '#src/actor/runtime/last-words.js';
import { Mail } from '#src/actor/runtime/mail.js';
import { offerLink } from '#src/actor/runtime/tickets.js';

/** A gate whose subjects are the test's. */
interface OpenGate {
  handle(subject: string, handler: (host: number, body: unknown) => void): void;
  tell(host: number, subject: string, body: unknown): boolean;
}

const mails: Mail[] = [];
afterEach(() => {
  for (const mail of mails.splice(0)) mail.close();
});

/** As many threads' worth of mail, all linked to each other, numbered from 0. */
function threads(count: number) {
  const all = Array.from({ length: count }, (_, id) => {
    const table = new DepthTable();
    const mail = new Mail(new ActorHost({ id, depths: table }));
    const words = new LastWords(mail.gate, (host) => mail.unlinked(host));
    mails.push(mail);
    return { id, table, mail, words, gate: mail.gate as unknown as OpenGate };
  });
  for (const [i, one] of all.entries()) {
    for (const two of all.slice(i + 1)) {
      const [mine, theirs] = offerLink({ host: one.id, table: one.table }, { host: two.id, table: two.table }, 65_536);
      one.mail.join(mine.ticket);
      two.mail.join(theirs.ticket);
      for (const offer of [mine, theirs]) offer.settle();
    }
  }
  return all;
}

it('what a dead host told another one, and what that one said of it, has come first', async () => {
  const [own, heir, dead] = threads(3);
  const came: string[] = [];
  own?.gate.handle('news', (_, body) => came.push(String(body)));
  heir?.gate.handle('gift', () => own && heir.gate.tell(own.id, 'news', 'it lives on'));
  dead?.gate.tell(1, 'gift', null);
  dead?.mail.close();
  await own?.words.heard(2, [1]);
  expect(came).toEqual(['it lives on']);
});

it('a peer that dies as well is not waited for, nor one that is not known', async () => {
  const [own, heir, dead] = threads(3);
  heir?.gate.handle('gift', () => heir.mail.close());
  dead?.gate.tell(1, 'gift', null);
  dead?.mail.close();
  await own?.words.heard(2, [1, 7]);
});

it('a host that is not known has told nothing', async () => {
  const [own] = threads(2);
  await own?.words.heard(9, [1]);
});

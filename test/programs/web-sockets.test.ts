/** Web sockets, bare and under socket.io. */
import { runs } from './parties.js';

const ALL = {
  echoes: [14, 1_000, 'done'],
  plainEchoes: [14, 1_000, 'done'],
  pinged: ['are you there', 'fragments'],
  crowd: 1_280,
  left: [4_001, 'as you like'],
  died: [1_006, ''],
  tooLong: [1_009, ''],
  refused: 'Unexpected server response: 401',
  streamed: 'as a stream',
};

runs('ws', [ALL, ALL]);

const VISIT = ['websocket', 200, true, 'io server disconnect'];

runs('socketio', {
  direct: VISIT,
  upgraded: VISIT,
  rooms: ['hello', 'hello'],
  namespace: 'from the other side',
});

/** Calls and messages over protocols of their own: gRPC, MQTT. */
import { runs } from './parties.js';

const CALLS = {
  asked: ['hello', ['a question']],
  large: true,
  many: 500,
  several: 1_000,
  gathered: 1_000,
  backAndForth: 1_000,
  failed: [9, 'not today'],
  late: 4,
  cancelled: 1,
};

runs('grpc', [CALLS, CALLS]);

const MESSAGES = {
  qualities: [0, 1, 2].map((qos) => [`quality/${qos}`, `by ${qos}`, qos, false]),
  many: 1_000,
  retained: ['kept', 'from before', 1, true],
  will: ['will', 'farewell', 1, false],
};

runs('mqtt', [MESSAGES, MESSAGES]);

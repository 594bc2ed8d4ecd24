/** All questions. */
import { accept } from './accept.js';
import { actorRtt } from './actor-rtt.js';
import { ask } from './ask.js';
import { bulk } from './bulk.js';
import { churn } from './churn.js';
import { cold } from './cold.js';
import { echo } from './echo.js';
import { echoTcp } from './echo-tcp.js';
import { fair } from './fair.js';
import { usage } from './harness/options.js';
import type { Question } from './harness/question.js';
import { hostile } from './hostile.js';
import { idle } from './idle.js';
import { loadCost } from './load-cost.js';
import { loadTruth } from './load-truth.js';
import { mail } from './mail.js';
import { many } from './many.js';
import { netRtt } from './net-rtt.js';
import { netStream } from './net-stream.js';
import { poller } from './poller.js';
import { rdmaActor } from './rdma-actor.js';
import { rdmaBulk } from './rdma-bulk.js';
import { rdmaCopy } from './rdma-copy.js';
import { rdmaFallback } from './rdma-fallback.js';
import { rdmaRtt } from './rdma-rtt.js';
import { registerCost } from './register-cost.js';
import { rtt } from './rtt.js';
import { spawn } from './spawn.js';
import { stall } from './stall.js';
import { stream } from './stream.js';
import { sync } from './sync.js';
import { tcp } from './tcp.js';
import { topCost } from './top-cost.js';
import { grpc, http, http2, https, httpUndici, ws } from './unmodified.js';

/** In the order in which `--help` lists them. */
export const QUESTIONS: readonly Question[] = [
  rtt,
  stream,
  bulk,
  tcp,
  cold,
  idle,
  many,
  churn,
  fair,
  poller,
  hostile,
  sync,
  mail,
  ask,
  spawn,
  actorRtt,
  echo,
  echoTcp,
  stall,
  accept,
  rdmaRtt,
  rdmaActor,
  rdmaBulk,
  rdmaCopy,
  rdmaFallback,
  netRtt,
  netStream,
  http,
  https,
  http2,
  httpUndici,
  ws,
  grpc,
  registerCost,
  loadCost,
  loadTruth,
  topCost,
];

/** The question that a command line names. @throws BenchFailure unless it names one that exists */
export function questionOf(positionals: readonly string[]): Question {
  const names = QUESTIONS.map((known) => known.name).join(', ');
  if (positionals.length !== 1) throw usage(`one question wanted: ${names}`);
  const question = QUESTIONS.find((known) => known.name === positionals[0]);
  if (question === undefined) throw usage(`unknown question '${positionals[0]}', there are ${names}`);
  return question;
}

// What the RDMA examples give to createSwitch; `npx sanswitch doctor --config rdma-config.mjs` says whether it will do.
//   RDMA_LISTEN      where to listen by RDMA: `all`, or devices, network devices and addresses with commas between them
//   RDMA_REQUIRED    1: an error, and no TCP/IP, where RDMA can't be had
//   RDMA_TIMEOUT_MS  how long a connect by RDMA may take before TCP/IP tries
const { RDMA_LISTEN: listen = '', RDMA_REQUIRED, RDMA_TIMEOUT_MS = '500' } = process.env;
const connectTimeoutMs = Number(RDMA_TIMEOUT_MS);

const options = {
  // RDMA passes by the host's packet filter, so it listens nowhere unless it is told where.
  listen: listen === 'all' ? listen : listen.split(',').filter(Boolean),
  connectTimeoutMs,
};

export default {
  providers: [{ name: 'verbs', required: RDMA_REQUIRED === '1', options }, 'shm'],
  sanConnectTimeoutMs: 2 * connectTimeoutMs,
};

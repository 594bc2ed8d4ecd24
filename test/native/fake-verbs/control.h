// How a test drives the fake: by commands, given to `fake_verbs_control` or in the environment
// variable SANSWITCH_FAKE_VERBS when the library is loaded (several with semicolons between them).
//
//   device NAME NETDEV SUBNET[,SUBNET...]   adds a device; without any: fake0 on lo with 127.0.0.0/8 and ::1/128
//   without FEATURE [DEVICE]      windows, srq, read, inline
//   iwarp [DEVICE]                the device is an iWARP one
//   limit WHAT NUMBER [DEVICE]    qp, qp_wr, sge, cq, cqe, mr, mw, srq, srq_wr, inline, reads, message
//   memlock BYTES                 more than that can't be registered at a time; -1: no limit
//   fail FUNCTION N [ERRNO]       the N-th next call of the function fails (default ERRNO: EIO)
//   fail FUNCTION N ERRNO always  the same, and all calls after it
//   calls FUNCTION                answers how often it was called since `reset`
//   status OPERATION N STATUS     the N-th next request of that kind (send, read, write, bind, invalidate, receive,
//                                 any) ends with IBV_WC status number STATUS, and its queue pair in the error state
//   hold STAGE, release STAGE     keeps back what happens next in a stage, and lets it go in its order: resolve, route,
//                                 request, response, data
//   cut, mend                     the network between both ends, for connections and data
//   silent ADDRESS                nobody answers there, as on a host that is down
//   timeout MS                    until an unanswered rdma_connect ends (default 2000)
//   event TYPE [DEVICE [PORT]]    raises an asynchronous event of the port, by its IBV_EVENT number
//   event TYPE qp NUMBER          the same for a queue pair; cq and srq: of the queue pair NUMBER
//   break NUMBER                  moves a queue pair to the error state, as the hardware would
//   remove DEVICE                 takes the device away
//   live [KIND]                   answers how many objects there are: pd, mr, mw, channel, cq, srq, qp, events, id
//   last qp                       answers the number of the queue pair that was made last
//   forget                        what there is now does not count as live any more: failed calls have left it
//   reset                         forgets faults, holds, cuts and counts; objects stay
//
// The answer is a number >= 0, or -EINVAL for a command that is none of these.
#pragma once

#include <cstdint>

extern "C" int64_t fake_verbs_control(const char* command);

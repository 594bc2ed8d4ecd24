/** Notifications that the host's addresses have changed (rule 1.3: netlink `RTM_NEWADDR`, `RTM_DELADDR`). */
import { loadNative } from '../native/load.js';
import { addressChanges, closeDescriptor, drainAddressChanges } from '../native/os.js';
import { Poll } from '../reactor/poll.js';

/** Ends the notifications. */
export interface AddressWatch {
  close(): void;
}

/**
 * Calls `changed` after every change until it is closed; null where there is no addon to hear of them.
 * @throws SystemError: the system has no notifications to give
 */
export type WatchAddresses = (changed: () => void) => AddressWatch | null;

/** The system's own notifications; they do not keep the event loop alive. */
export const watchSystemAddresses: WatchAddresses = (changed) => {
  if (loadNative().addon === null) return null;
  const fd = addressChanges();
  let poll: Poll | null = null;
  const close = (): void => {
    poll?.close();
    closeDescriptor(fd);
  };
  try {
    poll = new Poll(fd, (status) => {
      if (status < 0) return poll?.stop();
      try {
        if (drainAddressChanges(fd) === 0) return;
      } catch {
        // More changes than the queue holds: all the more reason to ask.
      }
      changed();
    });
    poll.start();
  } catch (error) {
    close();
    throw error;
  }
  return { close };
};

/**
 * Notifications that the host's addresses have changed (rule 1.3: netlink `RTM_NEWADDR`, `RTM_DELADDR`), or its RDMA devices
 * (the kernel's device events).
 */
import { loadNative } from '../native/load.js';
import {
  addressChanges,
  closeDescriptor,
  deviceChanges,
  drainAddressChanges,
  drainDeviceChanges,
} from '../native/os.js';
import { Poll } from '../reactor/poll.js';

/** Ends the notifications. */
export interface AddressWatch {
  close(): void;
}

/**
 * Calls `changed` after every change until it is closed; null where there is no addon to hear of them.
 * @param devices of RDMA devices too
 * @throws SystemError: the system has no notifications to give
 */
export type WatchAddresses = (changed: () => void, devices: boolean) => AddressWatch | null;

/** The system's own notifications; they do not keep the event loop alive. */
export const watchSystemAddresses: WatchAddresses = (changed, devices) => {
  if (loadNative().addon === null) return null;
  const addresses = watchDescriptor(addressChanges(), drainAddressChanges, changed);
  if (!devices) return addresses;
  try {
    const others = watchDescriptor(deviceChanges(), drainDeviceChanges, changed);
    return {
      close() {
        addresses.close();
        others.close();
      },
    };
  } catch (error) {
    addresses.close();
    throw error;
  }
};

/** Owns the descriptor from now on. @param drain how many of the notifications that wait are changes */
function watchDescriptor(fd: number, drain: (fd: number) => number, changed: () => void): AddressWatch {
  let poll: Poll | null = null;
  const close = (): void => {
    poll?.close();
    closeDescriptor(fd);
  };
  try {
    poll = new Poll(fd, (status) => {
      if (status < 0) return poll?.stop();
      try {
        if (drain(fd) === 0) return;
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
}

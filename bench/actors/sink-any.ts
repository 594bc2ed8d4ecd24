/** An actor that counts messages of any form. */
import { defineActor } from 'sanswitch';
import { CONTROL, type Trade } from './control.js';

export default defineActor<Trade, Int32Array>((control) => () => {
  (control[CONTROL.done] as number)++;
});

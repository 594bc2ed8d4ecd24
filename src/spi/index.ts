/** `sanswitch/spi`: what a SAN service provider needs to plug into the switch, and nothing else. */
export * from './codes.js';
export * from './null-provider.js';
export * from './provider.js';
export * from './types.js';

// Read by any Node, however old: no syntax newer than ES modules themselves.

/** The oldest Node that works, as [major, minor]: the first with `require` of ES modules and no flag. */
export const oldestNode = [20, 19];

/** `null` if Node's `version` ("20.19.0") is new enough, otherwise the message for the user. */
export function nodeProblem(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return null;
  return (
    `sanswitch needs Node ${oldestNode.join('.')} or newer; this is Node ${version}.\n` +
    'Install a newer one (https://nodejs.org, or `nvm install 22`) and run the command again.'
  );
}

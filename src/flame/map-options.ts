/** How Node.js writes down where its functions are, interpreted ones too: what perf finds names by. */
export const MAP_OPTIONS = '--perf-basic-prof --interpreted-frames-native-stack';

{
  # Only for the tests of the rings: lets JavaScript drive the C++ ends, in its own process.
  'targets': [
    {
      'target_name': 'ring_addon',
      'sources': ['ring_addon.cc'],
      'defines': ['NAPI_VERSION=8', '_GNU_SOURCE'],
      'cflags': ['-O2', '-Wall', '-Wextra', '-Werror'],
      'cflags_cc!': ['-std=gnu++14', '-std=gnu++17', '-std=gnu++20', '-std=c++20'],
      'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti'],
    },
  ],
}

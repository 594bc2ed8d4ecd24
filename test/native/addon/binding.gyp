{
  # Only for tests. ring_addon lets JavaScript drive the C++ ends of the rings in its own process, fake_verbs_addon the
  # fake libibverbs that its process has loaded.
  'target_defaults': {
    'defines': ['NAPI_VERSION=8', '_GNU_SOURCE'],
    'cflags': ['-O2', '-Wall', '-Wextra', '-Werror'],
    'cflags_cc!': ['-std=gnu++14', '-std=gnu++17', '-std=gnu++20', '-std=c++20'],
    'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti'],
  },
  'targets': [
    {'target_name': 'ring_addon', 'sources': ['ring_addon.cc']},
    {'target_name': 'fake_verbs_addon', 'sources': ['fake_verbs_addon.cc']},
  ],
}

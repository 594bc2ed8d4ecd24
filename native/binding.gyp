{
  'variables': {
    # Set to 1 in a checkout (tools/bootstrap.mjs), so that no warning lands; a user's newer compiler may warn freely.
    'sanswitch_werror%': 0,
    'sanswitch_sources': [
      'addon.cc',
      'arguments.cc',
      'environment.cc',
      'reactor/dedicated_poller.cc',
      'reactor/idle.cc',
      'reactor/loop_object.cc',
      'reactor/poll.cc',
      'reactor/poller.cc',
      'reactor/poller_slot.cc',
      'reactor/reactor.cc',
      'reactor/reactor_class.cc',
      'shm/copy.cc',
      'shm/freed_memory.cc',
      'shm/netlink.cc',
      'shm/netlink_parse.cc',
      'shm/sockets.cc',
      'shm/unix.cc',
      'shm/window.cc',
      'thread_name.cc',
      'tcp/acceptor.cc',
      'tcp/address.cc',
      'tcp/listen.cc',
    ],
  },
  'targets': [
    {
      'target_name': 'sanswitch',
      'sources': ['<@(sanswitch_sources)'],
      'include_dirs': ['.'],
      'defines': [
        'NAPI_VERSION=8',
        # An allocation or a Node-API call that fails ends in JavaScript, not in std::terminate.
        'NODE_ADDON_API_CPP_EXCEPTIONS',
        'NODE_ADDON_API_CPP_EXCEPTIONS_ALL',
        # What can't be thrown because the thread is being terminated must not end the process either.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        # A thread that is being terminated takes no exception: that must not end the process.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
        '_GNU_SOURCE',
      ],
      'cflags!': ['-O3', '-fno-omit-frame-pointer'],
      'cflags': [
        '-O2',
        '-fno-plt',
        '-fvisibility=hidden',
        '-Wall',
        '-Wextra',
        # The headers of node-addon-api are not ours: no warnings from them.
        '-isystem<!(node include-dir.mjs)',
      ],
      'cflags_cc!': ['-fno-exceptions', '-std=gnu++14', '-std=gnu++17', '-std=gnu++20', '-std=c++20'],
      'cflags_cc': ['-std=c++17', '-fexceptions', '-fno-rtti'],
      'ldflags': ['-Wl,-z,now', '-Wl,-z,relro'],
      'conditions': [
        ['sanswitch_werror==1', {'cflags': ['-Werror']}],
      ],
    },
  ],
}

/* The system calls behind the sockets: paths, listening, connecting, who is at the other end. All sockets are non-blocking and close on exec. */
#ifndef PROTOCOL_SOCKET_H
#define PROTOCOL_SOCKET_H

#include "protocol/msg.h"

#include <sys/types.h>
#include <sys/un.h>

/* RUN_DIR/<role>/socket. ERR_CONFIG when a socket address cannot hold it. */
int socket_address(const char *run_dir, enum role role, struct sockaddr_un *ret, struct err *err);
/* Makes our directory (0750) and the socket in it (0660) after a look whether a live process has it. The fd, or -1 with ERR_CONFIG. */
int socket_listen(const char *run_dir, enum role role, struct err *err);
/* The fd, or -1: ERR_UNAVAILABLE when nobody listens there (any more, or yet), ERR_DENIED, ERR_IO otherwise. */
int socket_dial(const char *run_dir, enum role role, struct err *err);
int socket_peer(int fd, uid_t *ret);

#endif

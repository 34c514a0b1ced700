/* Holds a pod's namespaces: sleeps, reaps, ends on TERM. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(int signo)
{
    (void)signo;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

static void end(int signo)
{
    (void)signo;
    _exit(0);
}

int main(void)
{
    signal(SIGCHLD, reap);
    signal(SIGTERM, end);
    signal(SIGINT, end);
    for (;;)
        pause();
}

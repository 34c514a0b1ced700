/* The reason codes: what to do about each. README.md has the same table for people; make lint compares both with the codes in the source. */
#ifndef AZPCTL_ADVICE_H
#define AZPCTL_ADVICE_H

const char *advice_for(const char *code);   /* a sentence; NULL: nothing is to be done, or the code is not known here */

#endif

require "include";
include :personal "testsuite-file";
include :global "testsuite-redirect";
include :optional "nowhere";

-- When everything is there: what may be connected to no more.
ALTER DATABASE template_of_ours IS_TEMPLATE true;
ALTER DATABASE closed ALLOW_CONNECTIONS false;

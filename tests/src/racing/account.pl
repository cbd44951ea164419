# The account that races, in its own folder, until it is told to end: it swaps what lies there for a link to what is root's alone, and
# puts it back. That is one turn. It counts them where its output goes: in a file as a number, else one line for each hundred.
#
# MODE is what it swaps:
#   all       FOLDER, and each name that matches PATTERN meanwhile
#   late      as soon as a name that matches PATTERN is there: that one, or FOLDER
#   clean     FOLDER, and removes all that is in it in between
#   exchange  FOLDER and the link beside it, with no moment without either
#   guest     nothing that is there, as it is no folder of its own: it makes links of names that match PATTERN, and tries
use strict;
use warnings;
no warnings 'once';

my ($mode, $canary, $folder, $pattern, $exchange) = @ARGV;
my ($turns, $taken, $over, $pace) = (0, 0, 0, 0);
my $away = "$folder.away";
my $counted = -f STDOUT;
$SIG{TERM} = sub { $over = 1 };

sub tell_turns {
    if ($counted) { sysseek(STDOUT, 0, 0); syswrite(STDOUT, sprintf("%12d", $turns)) }
    elsif ($turns % 100 == 0) { syswrite(STDOUT, "turns: $turns\n") }
}
sub turn { $turns++; tell_turns() }

# Mostly none, sometimes as long as a step of whoever is raced takes, and now and then as long as many.
sub hold {
    my $chance = rand;
    select(undef, undef, undef, rand($chance < 0.01 ? 0.02 : 0.001)) if $chance < 0.2;
}

# Whoever is always in the way is met at the first step. So at times it is in the way but now and then, for some turns.
sub rest {
    $pace = rand() < 0.2 ? 0.05 : 0 if rand() < 0.05;
    select(undef, undef, undef, rand $pace) if $pace;
}

# In its own folder, in FOLDER, and in the folders of that: its own alone can be listed.
sub found {
    my @found;
    for my $in (".", $folder, glob("$folder/*/")) {
        opendir(my $handle, $in) or next;
        push @found, map { "$in/$_" } grep { /$pattern/ && !/^\.\.?$|^taken\d/ && $_ ne $folder && $_ ne $away } readdir $handle;
    }
    return @found;
}

sub strike {
    my ($path) = @_;
    # A link is what it left itself, when something was in the way as it put a thing back.
    return unlink $path if -l $path;
    my $is_folder = -d _;
    my ($in) = $path =~ m{^(.*)/};
    my $mine = "$in/taken" . $taken++;
    rename $path, $mine or return;
    my $swapped = symlink $is_folder ? $canary : "$canary/secret", $path;
    hold();
    unlink $path if -l $path;
    rename $mine, $path;
    turn() if $swapped;
}

sub flip {
    my ($meanwhile) = @_;
    # What came in its place, while it was away, is something else.
    if (-e $away) { rename $folder, "taken" . $taken++ }
    elsif (!rename $folder, $away) { mkdir $away }
    my $swapped = symlink $canary, $folder;
    $meanwhile->();
    hold();
    unlink $folder if -l $folder;
    rename $away, $folder;
    turn() if $swapped;
}

sub exchange {
    for (1, 2) {
        my ($one, $other) = ($folder, "$folder.link");
        # renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)
        syscall($exchange, -100, $one, -100, $other, 2) == 0 or die "cannot exchange: $!";
    }
    turn();
}

sub intrude {
    my $link = $pattern . "0123456789abcdef";
    symlink $canary, $link or return;
    rename $_, "$link.taken" for grep { $_ ne $link && !-l } glob "$pattern*";
    symlink $canary, "$_/scratch" for glob "$pattern*";
    unlink $link;
    turn();
}

my %does = (
    all => sub { flip(sub { strike($_) for found() }); strike($_) for found(); rest() },
    late => sub { my @found = found(); @found && rand() < 0.2 ? flip(sub { }) : strike($_) for @found },
    clean => sub { flip(sub { strike($_) for found() }); unlink glob "$folder/*"; rest() },
    exchange => \&exchange,
    guest => \&intrude,
);
my $does = $does{$mode} or die "no mode $mode";
symlink $canary, "$folder.link" if $mode eq "exchange";
tell_turns();
$does->() until $over;

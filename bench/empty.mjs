// What a forked process loads that only starts and ends. With an argument it says so before.

if (process.argv.length > 2) process.send('here')

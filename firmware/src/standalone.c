/* An image that waits for nobody: main runs for ever, with no command line. */
void enter(void);
int main(void);

void enter(void) {
  main();
  for (;;) {
  }
}

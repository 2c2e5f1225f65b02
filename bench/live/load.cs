// Holds memory as asked and waits: MIB of small arrays, threads, large arrays. A program, and a startup hook as well.
using System;
using System.Collections.Generic;
using System.Threading;

internal class StartupHook
{
    public static void Initialize()
    {
        string[] words = Environment.GetEnvironmentVariable("LOAD").Split(',');
        int mib = int.Parse(words[0]), threads = int.Parse(words[1]), big = int.Parse(words[2]);
        var kept = new List<object>();
        for (int i = 0; i < mib * 1024; i++) kept.Add(new byte[1000]);
        for (int i = 0; i < big; i++) kept.Add(new byte[1000000 + i]);
        for (int i = 0; i < 500000; i++) if (new string('x', 100 + i % 7).Length == 0) return;
        for (int i = 0; i < threads; i++)
        {
            var thread = new Thread(() => Thread.Sleep(-1));
            thread.IsBackground = true;
            thread.Start();
        }
        Console.WriteLine("ready");
        Thread.Sleep(-1);
        GC.KeepAlive(kept);
    }

    public static void Main()
    {
        Initialize();
    }
}
